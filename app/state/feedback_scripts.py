"""The scripts that write, delete and withdraw rows of feedback, with what depends on them."""

# Begins the two scripts that follow. Sets from when on an item is excluded, microseconds since
# 1970, by the rules of feedback types that exclude: the latest time that has come, else the first
# to come.
REFRESH_EXCLUDED = """
local NO_TIME = '-62135596800000000'
local function matches(value, sign, bound)
  if sign == '>=' then return value >= bound elseif sign == '<=' then return value <= bound
  elseif sign == '>' then return value > bound elseif sign == '<' then return value < bound
  elseif sign == '=' then return value == bound end
  return true
end
local function refresh_excluded(rows, excluded, item, rules, now)
  local from
  for _, rule in ipairs(rules) do
    local stored = redis.call('HGET', rows, rule[1] .. '\\0' .. item)
    if stored then
      local value, text = string.match(stored, '^(%Z*)%z(%Z*)%z')
      if matches(tonumber(value), rule[2], rule[3]) then
        local at = text == NO_TIME and now or tonumber(text)
        if not from then from = at
        elseif at <= now then from = from <= now and math.max(from, at) or at
        elseif from > now then from = math.min(from, at) end
      end
    end
  end
  if from then redis.call('ZADD', excluded, string.format('%.0f', from), item)
  else redis.call('ZREM', excluded, item) end
end
"""
# KEYS: the user's rows, the user's excluded items, the users of each type, the types. ARGV: the
# rules and now, the limit of excluded items, user, "add" or "put", start of the keys of items'
# users; then for each row: type, item, value, time, update, comment. Of a row that exists, the
# earlier time stays, unless it is replaced.
WRITE_ROWS = (
    REFRESH_EXCLUDED
    + """
local rules, now = cjson.decode(ARGV[1]), tonumber(ARGV[2])
for at = 7, #ARGV, 6 do
  local kind, item, value, time = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local update, field = ARGV[at + 4], kind .. '\\0' .. item
  local stored = ARGV[5] == 'add' and redis.call('HGET', KEYS[1], field)
  if stored then
    local v, t, u = string.match(stored, '^(%Z*)%z(%Z*)%z(%Z*)%z')
    value = string.format('%.17g', tonumber(v) + tonumber(value))
    if tonumber(u) > tonumber(update) then update = u end
    if time == NO_TIME or (t ~= NO_TIME and tonumber(t) < tonumber(time)) then time = t end
  end
  local row = value .. '\\0' .. time .. '\\0' .. update .. '\\0' .. ARGV[at + 5]
  redis.call('HSET', KEYS[1], field, row)
  redis.call('ZADD', KEYS[3], 0, kind .. '\\0' .. ARGV[4])
  redis.call('SADD', KEYS[4], kind)
  redis.call('SADD', ARGV[6] .. item, ARGV[4])
  refresh_excluded(KEYS[1], KEYS[2], item, rules, now)
end
redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -ARGV[3] - 1)
return 1
"""
)
# KEYS: the user's rows, the user's excluded items, the types. ARGV: the rules and now, user, start
# of the keys of items' users, then for each row: type, item. The reply has the row of each, or
# false.
DELETE_ROWS = (
    REFRESH_EXCLUDED
    + """
local rules, now = cjson.decode(ARGV[1]), tonumber(ARGV[2])
local kinds, rows, items = redis.call('SMEMBERS', KEYS[3]), {}, {}
for at = 5, #ARGV, 2 do
  local item = ARGV[at + 1]
  local field = ARGV[at] .. '\\0' .. item
  rows[#rows + 1] = redis.call('HGET', KEYS[1], field)
  redis.call('HDEL', KEYS[1], field)
  items[item] = true
end
for item in pairs(items) do
  local is_left = false
  for _, kind in ipairs(kinds) do
    is_left = is_left or redis.call('HEXISTS', KEYS[1], kind .. '\\0' .. item) == 1
  end
  if not is_left then redis.call('SREM', ARGV[4] .. item, ARGV[3]) end
  refresh_excluded(KEYS[1], KEYS[2], item, rules, now)
end
return rows
"""
)
# KEYS: the user's rows, the rows that are being erased, the user's excluded items. Rows that are
# written from now on stay.
MOVE_ROWS = """
local rows = redis.call('HGETALL', KEYS[1])
for at = 1, #rows, 2 do redis.call('HSET', KEYS[2], rows[at], rows[at + 1]) end
redis.call('DEL', KEYS[1], KEYS[3])
return redis.call('HKEYS', KEYS[2])
"""

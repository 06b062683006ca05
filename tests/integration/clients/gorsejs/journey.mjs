// Call every function of gorsejs against a service, and print what each returned as JSON.
// node journey.mjs ADDRESS KEY
import gorsejs from "gorsejs";

const [endpoint, secret] = process.argv.slice(2);
const client = new gorsejs.Gorse({ endpoint, secret });
const user = "js-user";
const item = "js-item";
const day = "2026-03-04T05:06:07Z";
const feedback = (type, itemId) => ({ FeedbackType: type, UserId: user, ItemId: itemId, Value: 1, Timestamp: day });
const failure = (call) => call.then(() => "no error", (error) => [error.constructor.name, error.status ?? error.code, error.message]);

const results = {
  insertUser: await client.insertUser({ UserId: user, Labels: ["a"], Comment: "c" }),
  insertUsers: await client.insertUsers([{ UserId: "js-other" }, { UserId: "js-third" }]),
  updateUser: await client.updateUser(user, { Comment: "d" }),
  getUser: await client.getUser(user),
  getUsers: await client.getUsers({ n: 2 }),
  upsertItem: await client.upsertItem({ ItemId: item, IsHidden: false, Timestamp: new Date(day), Categories: ["js"] }),
  upsertItems: await client.upsertItems([{ ItemId: "js-item-2", IsHidden: false, Timestamp: day }]),
  updateItem: await client.updateItem(item, { Comment: "Harbour" }),
  insertItemCategory: await client.insertItemCategory(item, "extra"),
  deleteItemCategory: await client.deleteItemCategory(item, "extra"),
  getItem: await client.getItem(item),
  getItems: await client.getItems({ n: 2 }),
  insertFeedbacks: await client.insertFeedbacks([feedback("like", "i1"), feedback("view", "i2")]),
  upsertFeedbacks: await client.upsertFeedbacks([feedback("like", "i1")]),
  getFeedback: await client.getFeedback({ type: "like", userId: user, itemId: "i1" }),
  getFeedbacks: await client.getFeedbacks("like", { n: 1 }),
  getAllFeedbacks: await client.getFeedbacks(undefined, { n: 1 }),
  getUserFeedbackByType: await client.getUserFeedbackByType(user, "like"),
  getItemFeedbackByType: await client.getItemFeedbackByType("i1", "like"),
  deleteFeedback: await client.deleteFeedback({ type: "view", userId: user, itemId: "i2" }),
  getRecommend: await client.getRecommend({ userId: user, cursorOptions: { n: 5 } }),
  getRecommendCategory: await client.getRecommend({ userId: user, category: "js" }),
  getRecommendWrittenBack: await client.getRecommend({ userId: user, writeBackType: "read", writeBackDelay: "0s", cursorOptions: { n: 1 } }),
  getSessionRecommend: await client.getSessionRecommend([feedback("like", "i1")], { cursorOptions: { n: 3 } }),
  getLatest: await client.getLatest({ category: "js" }),
  getPopular: await client.getPopular({ cursorOptions: { n: 3 } }),
  getItemNeighbors: await client.getItemNeighbors({ itemId: "i1", cursorOptions: { n: 3 } }),
  getUserNeighbors: await client.getUserNeighbors({ userId: "u1", cursorOptions: { n: 3 } }),
  deleteItem: await client.deleteItem(item),
  deleteUser: await client.deleteUser(user),
  unknownUser: await failure(client.getUser(user)),
};
console.log(JSON.stringify(results));

/** The client: a method for each operation of the service. */

import { type CallOptions, type ClientOptions, Connection } from "./connection.js";
import { withId } from "./event_queue.js";
import type {
  EventsAccepted,
  ExplainOptions,
  Id,
  Item,
  ItemFields,
  ItemSearch,
  PopularOptions,
  RankOptions,
  RecommendOptions,
  Recommendation,
  Schemas,
  SimilarOptions,
  TogetherOptions,
  TrainingOptions,
  TrendingOptions,
  User,
  UserEvent,
  UserSearch,
} from "./types.js";

type Attributes = Schemas["UserAttributesBody"]["attributes"];
type AttributeChanges = Schemas["UserChangesBody"]["attributes"];

const LONG_EXCLUDE = 50; // more ids than this go into a body: a URL has a bound

/**
 * A client of the service at `url`, such as `http://127.0.0.1:8000`.
 *
 * Options have the names and the defaults of the service. Every method rejects with a
 * `RecfunnelError` if the service refuses the request, and with an `UnreachableError` if no answer
 * came. Its last argument may hold an `AbortSignal` and a time for this call.
 */
export class Client {
  /** How requests are sent; `EventBuffer` uses it. */
  readonly connection: Connection;

  constructor(url: string, options: ClientOptions = {}) {
    this.connection = new Connection(url, options);
  }

  // Lists

  /**
   * Return the items that a user should see now, best first.
   *
   * `history` is that of a session, the newest event first, and stands for the stored one.
   * `page_token` is that of the page before. A session has no user: pass null.
   */
  recommend(user: Id | null, options: RecommendOptions = {}, call?: CallOptions) {
    const { history, page_token, exclude } = options;
    const isLong = history?.length || page_token || (exclude?.length ?? 0) > LONG_EXCLUDE;
    if (user === null || isLong) {
      const body = { ...options, ...(user === null ? {} : { user_id: String(user) }) };
      return this.connection.request("post", "/recommend", { body }, call);
    }
    const { history: _, ...others } = options;
    const query = { ...others, user_id: String(user) };
    return this.connection.request("get", "/recommend", { query }, call);
  }

  /** Yield the pages of a user's list, until there are no more. */
  async *pages(
    user: Id | null,
    options: RecommendOptions = {},
    call?: CallOptions,
  ): AsyncGenerator<Recommendation, void, void> {
    let token: string | null | undefined = options.page_token;
    do {
      const page = await this.recommend(user, token ? { ...options, page_token: token } : options, call);
      if (page.items.length) yield page;
      token = page.items.length ? page.page_token : undefined;
    } while (token);
  }

  /** Return up to 1,000 items of the caller in the order in which a user should see them. */
  rank(user: Id | null, items: Id[], options: RankOptions = {}, call?: CallOptions) {
    const body = { ...options, items, ...(user === null ? {} : { user_id: String(user) }) };
    return this.connection.request("post", "/rank", { body }, call);
  }

  /** Return items that resemble an item, by what the same users liked or by content. */
  similar(item_id: Id, query: SimilarOptions = {}, call?: CallOptions) {
    const path = { item_id };
    return this.connection.request("get", "/items/{item_id}/similar", { path, query }, call);
  }

  /** Return items that users bought in the same visit as an item. */
  boughtTogether(item_id: Id, query: TogetherOptions = {}, call?: CallOptions) {
    const path = { item_id };
    return this.connection.request("get", "/items/{item_id}/bought-together", { path, query }, call);
  }

  /** Return what is liked most over months. */
  popular(query: PopularOptions = {}, call?: CallOptions) {
    return this.connection.request("get", "/popular", { query }, call);
  }

  /** Return what is liked most over days. */
  trending(query: TrendingOptions = {}, call?: CallOptions) {
    return this.connection.request("get", "/trending", { query }, call);
  }

  /** Return where an item drops out of the list that a user would get now, and why. */
  explain(user: Id, item: Id, options: ExplainOptions = {}, call?: CallOptions) {
    const query = { ...options, user_id: String(user), item_id: String(item) };
    return this.connection.request("get", "/explain", { query }, call);
  }

  // Events

  /**
   * Store up to 1,000 events of users.
   *
   * Each event without an `event_id` gets one here, so that it counts once however often it is
   * sent. If one is wrong, nothing is stored. With `partial` the others are stored, and `refused`
   * of the answer lists what is wrong with which.
   */
  send(
    events: UserEvent | UserEvent[],
    query: { partial?: boolean } = {},
    call?: CallOptions,
  ): Promise<EventsAccepted> {
    const body = (Array.isArray(events) ? events : [events]).map(withId);
    return this.connection.request("post", "/events", { query, body }, call);
  }

  /** Return the newest stored events of all users, the last one first. */
  newestEvents(query: { limit?: number } = {}, call?: CallOptions) {
    return this.connection.request("get", "/events", { query }, call);
  }

  // Items

  /** Create an item, or change the fields that are in `body`. */
  putItem(item_id: Id, body: ItemFields, call?: CallOptions) {
    return this.connection.request("put", "/items/{item_id}", { path: { item_id }, body }, call);
  }

  /** Change the fields that are in `body`. An item that does not exist is refused. */
  patchItem(item_id: Id, body: ItemFields, call?: CallOptions) {
    return this.connection.request("patch", "/items/{item_id}", { path: { item_id }, body }, call);
  }

  /** Create or change up to 1,000 items at once. `partial` is as in `send`. */
  putItems(body: Item[], query: { partial?: boolean } = {}, call?: CallOptions) {
    return this.connection.request("post", "/items", { query, body }, call);
  }

  /** Return an item as it is served. */
  item(item_id: Id, call?: CallOptions) {
    return this.connection.request("get", "/items/{item_id}", { path: { item_id } }, call);
  }

  /** Return how all users interact with an item. */
  itemCounts(item_id: Id, call?: CallOptions) {
    return this.connection.request("get", "/items/{item_id}/counts", { path: { item_id } }, call);
  }

  /** Remove an item from every list, until it is put again. */
  deleteItem(item_id: Id, call?: CallOptions) {
    return this.connection.request("delete", "/items/{item_id}", { path: { item_id } }, call);
  }

  /** Yield the items that match, in the order of their ids. `limit` is that of a page. */
  async *items(
    search: ItemSearch = {},
    call?: CallOptions,
  ): AsyncGenerator<Schemas["MatchingItem"], void, void> {
    let cursor: string | null | undefined;
    do {
      const query = cursor ? { ...search, cursor } : search;
      const page = await this.connection.request("get", "/items", { query }, call);
      yield* page.items;
      cursor = page.cursor;
    } while (cursor);
  }

  // Users

  /** Replace all attributes of a user. */
  putUser(user_id: Id, attributes: Attributes, call?: CallOptions) {
    const parameters = { path: { user_id }, body: { attributes } };
    return this.connection.request("put", "/users/{user_id}", parameters, call);
  }

  /** Set some attributes of a user, and keep the others. Null removes one. */
  patchUser(user_id: Id, attributes: AttributeChanges, call?: CallOptions) {
    const parameters = { path: { user_id }, body: { attributes } };
    return this.connection.request("patch", "/users/{user_id}", parameters, call);
  }

  /** Replace the attributes of up to 1,000 users. `partial` is as in `send`. */
  putUsers(body: User[], query: { partial?: boolean } = {}, call?: CallOptions) {
    return this.connection.request("post", "/users", { query, body }, call);
  }

  /** Return what is known of a user, with so many of the newest events. */
  user(user_id: Id, query: { events?: number } = {}, call?: CallOptions) {
    return this.connection.request("get", "/users/{user_id}", { path: { user_id }, query }, call);
  }

  /** Return the newest events that the lists of a user rest on: live ones, and the bundle's. */
  userHistory(user_id: Id, query: { limit?: number } = {}, call?: CallOptions) {
    const parameters = { path: { user_id }, query };
    return this.connection.request("get", "/users/{user_id}/history", parameters, call);
  }

  /** Erase a user, and return the receipt. */
  deleteUser(user_id: Id, call?: CallOptions) {
    return this.connection.request("delete", "/users/{user_id}", { path: { user_id } }, call);
  }

  /** Return the receipt of an erasure as it is now. */
  erasure(erasure_id: string, call?: CallOptions) {
    return this.connection.request("get", "/erasures/{erasure_id}", { path: { erasure_id } }, call);
  }

  /** Yield the users whose ids begin with `prefix`. `limit` is that of a page, about. */
  async *users(
    search: UserSearch = {},
    call?: CallOptions,
  ): AsyncGenerator<Schemas["MatchingUser"], void, void> {
    let cursor: string | null | undefined;
    do {
      const query = cursor ? { ...search, cursor } : search;
      const page = await this.connection.request("get", "/users", { query }, call);
      yield* page.users;
      cursor = page.cursor;
    } while (cursor);
  }

  /** Request a training. It needs a key with the role `admin`, as all calls of trainings. */
  startTraining(options: TrainingOptions = {}, call?: CallOptions) {
    const body = { from_archive: true, force: false, ...options };
    return this.connection.request("post", "/trainings", { body }, call);
  }

  /** Return the newest trainings. */
  trainings(query: { limit?: number } = {}, call?: CallOptions) {
    return this.connection.request("get", "/trainings", { query }, call);
  }

  /** Return how far a training is or how it ended, with the end of its log. */
  training(training_id: string, call?: CallOptions) {
    const path = { training_id };
    return this.connection.request("get", "/trainings/{training_id}", { path }, call);
  }

  /** Request that a training ends. */
  cancelTraining(training_id: string, call?: CallOptions) {
    const path = { training_id };
    return this.connection.request("delete", "/trainings/{training_id}", { path }, call);
  }

  /** Replace the friends of a user. */
  putFriends(user_id: Id, friends: Id[], call?: CallOptions) {
    const parameters = { path: { user_id }, body: { friends: friends.map(String) } };
    return this.connection.request("put", "/users/{user_id}/friends", parameters, call);
  }

  /** Replace all that a user blocks. What is not named is blocked no more. */
  putBlocked(user_id: Id, body: Schemas["BlockedBody"], call?: CallOptions) {
    const parameters = { path: { user_id }, body };
    return this.connection.request("put", "/users/{user_id}/blocked", parameters, call);
  }

  /** Return what a user blocks. */
  blocked(user_id: Id, call?: CallOptions) {
    return this.connection.request("get", "/users/{user_id}/blocked", { path: { user_id } }, call);
  }

  /** Return items to ask a new user about. */
  onboarding(query: { n?: number; fields?: string[] } = {}, call?: CallOptions) {
    return this.connection.request("get", "/onboarding", { query }, call);
  }

  /** Store what a new user picked. A pick that is sent again counts once. */
  sendPicks(user_id: Id, body: Schemas["OnboardingPicks"], call?: CallOptions) {
    const parameters = { path: { user_id }, body };
    return this.connection.request("post", "/users/{user_id}/onboarding", parameters, call);
  }
}

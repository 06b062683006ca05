/** The types of what is sent and answered, by the names of the OpenAPI description. */

import type { components, paths } from "./openapi.js";

export type Schemas = components["schemas"];
export type Path = keyof paths;
export type Method = "get" | "put" | "post" | "patch" | "delete";

/** The id of a user or an item. */
export type Id = string | number;

/** What the JSON body of an operation is. */
export type Body<P extends Path, M extends Method> = paths[P][M] extends { requestBody?: infer R }
  ? [NonNullable<R>] extends [never]
    ? undefined
    : NonNullable<R> extends { content: { "application/json": infer B } }
      ? B
      : undefined
  : undefined;

/** The parameters of an operation that stand in the query. */
export type Query<P extends Path, M extends Method> = paths[P][M] extends {
  parameters: { query?: infer Q };
}
  ? NonNullable<Q>
  : never;

type Success = 200 | 202 | 204;

/** What an operation answers: the JSON of its success, or nothing. */
export type Answer<P extends Path, M extends Method> = paths[P][M] extends { responses: infer R }
  ? {
      [S in keyof R & Success]: R[S] extends { content: { "application/json": infer B } }
        ? B
        : undefined;
    }[keyof R & Success]
  : never;

export type Recommendation = Schemas["AnswerBody"];
export type RecommendedItem = Schemas["AnswerItem"];
export type UserEvent = Schemas["EventIn"];
export type SessionEvent = Schemas["InlineEvent"];
export type Item = Schemas["ItemIn"];
export type ItemFields = Schemas["ItemBody"];
export type User = Schemas["UserIn"];
export type EventsAccepted = Schemas["EventsAccepted"];

export type RecommendOptions = Partial<Omit<Schemas["RecommendBody"], "user_id">>;
export type RankOptions = Partial<Omit<Schemas["RankBody"], "user_id" | "items">>;
export type SimilarOptions = Query<"/items/{item_id}/similar", "get">;
export type TogetherOptions = Query<"/items/{item_id}/bought-together", "get">;
export type PopularOptions = Query<"/popular", "get">;
export type TrendingOptions = Query<"/trending", "get">;
export type TrainingOptions = Partial<Schemas["TrainingIn"]>;
export type ExplainOptions = Omit<Query<"/explain", "get">, "user_id" | "item_id">;
export type ItemSearch = Omit<Query<"/items", "get">, "cursor">;
export type UserSearch = Omit<Query<"/users", "get">, "cursor">;

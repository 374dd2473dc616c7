import type {Catalog} from './catalog.js';
import type {Newborn} from './newborn.js';

/** What is known when a statement is judged. */
export interface Context {
  /** Everything that earlier migrations made, and earlier statements of this range. */
  readonly catalog: Catalog;
  /** What the range that is judged made: old code cannot know it. */
  readonly newborn: Newborn;
  /** What the live database holds, when it was asked: only then is something that no migration made known to be new. */
  readonly live?: LiveObjects | undefined;
}

/** Names as `schema.name`. */
export interface LiveObjects {
  /** Tables, views and sequences with their size in bytes, indexes included. */
  readonly relations: ReadonlyMap<string, number>;
  readonly functions: ReadonlySet<string>;
}

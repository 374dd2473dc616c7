import type {PgNode} from './grammar.js';
import {qualified, relationName, wordsOf} from './names.js';

export type NewbornKind = 'relation' | 'type' | 'function' | 'schema';

/**
 * What the range under judgement has made itself: code of the live release cannot know it. Kinds have names of their
 * own, so that a new function does not hide an old table of the same name.
 */
export class Newborn {
  readonly #names = new Set<string>();
  readonly #columns = new Set<string>();

  add(kind: NewbornKind, name: string): void {
    this.#names.add(`${kind} ${name}`);
  }

  has(kind: NewbornKind, name: string): boolean {
    return this.#names.has(`${kind} ${name}`) || this.#inNewSchema(name);
  }

  /** A table, view or sequence as a statement names it; a temporary one hides a permanent one of the same bare name. */
  hasRelation(relation: PgNode | undefined): boolean {
    if (!relation) return false;
    if (!relation['schemaname'] && this.has('relation', `pg_temp.${relation['relname']}`)) return true;
    return this.has('relation', relationName(relation));
  }

  /** The same for a name that a DROP gives as a list of words. */
  hasListed(kind: NewbornKind, object: unknown): boolean {
    const words = wordsOf(object);
    if (kind === 'relation' && words.length === 1 && this.has('relation', `pg_temp.${words[0]}`)) return true;
    return this.has(kind, qualified(words));
  }

  addColumn(table: string, column: string): void {
    this.#columns.add(`${table} ${column}`);
  }

  hasColumn(table: string, column: string): boolean {
    return this.#columns.has(`${table} ${column}`);
  }

  #inNewSchema(name: string): boolean {
    const schema = name.split('.')[0]!;
    return name.includes('.') && this.#names.has(`schema ${schema}`);
  }
}

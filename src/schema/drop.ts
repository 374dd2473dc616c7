import type {Catalog} from './catalog.js';
import type {Context} from './context.js';
import {breaking, compatible, type Finding, join, unknown} from './finding.js';
import type {PgNode} from './grammar.js';
import {objectName, qualified, wordsOf} from './names.js';
import type {NewbornKind} from './newborn.js';

const dropped: Readonly<Record<string, readonly [string, NewbornKind?]>> = {
  OBJECT_TABLE: ['table', 'relation'],
  OBJECT_VIEW: ['view', 'relation'],
  OBJECT_MATVIEW: ['view', 'relation'],
  OBJECT_SEQUENCE: ['sequence', 'relation'],
  OBJECT_FOREIGN_TABLE: ['table', 'relation'],
  OBJECT_TYPE: ['type', 'type'],
  OBJECT_DOMAIN: ['type', 'type'],
  OBJECT_FUNCTION: ['function', 'function'],
  OBJECT_PROCEDURE: ['procedure', 'function'],
  OBJECT_ROUTINE: ['function', 'function'],
  OBJECT_AGGREGATE: ['function', 'function'],
  OBJECT_SCHEMA: ['schema', 'schema'],
  OBJECT_EXTENSION: ['extension'],
  OBJECT_OPERATOR: ['operator'],
  OBJECT_CAST: ['cast'],
  OBJECT_COLLATION: ['collation'],
  OBJECT_LANGUAGE: ['language'],
};
const ofTable = new Set(['OBJECT_TRIGGER', 'OBJECT_RULE', 'OBJECT_POLICY']);
const born = compatible('Old code does not know it: it was made in this range.');

/** Everything else that is called `…Stmt` and starts with DROP has rules of its own. */
export function judgeDrop(fields: PgNode, context: Context): Finding {
  const kind = fields['removeType'] as string;
  const objects = (fields['objects'] ?? []) as unknown[];
  return objects.length
    ? join(objects.map((object) => dropOne(kind, object, context)))
    : unknown(`What is dropped (${kind}) is not known.`, 'Judge it by hand and override the verdict by name.');
}

function dropOne(kind: string, object: unknown, {catalog, newborn}: Context): Finding {
  const [what, among] = dropped[kind] ?? [];
  if (ofTable.has(kind)) return dropOfTable(kind, wordsOf(object), newborn);
  if (kind === 'OBJECT_INDEX') return dropIndex(objectName(object), catalog, newborn);
  if (kind === 'OBJECT_STATISTIC_EXT' || kind === 'OBJECT_PUBLICATION') return compatible('Code does not use it.');
  if (kind === 'OBJECT_EVENT_TRIGGER') return unknown('Old code may lean on what it did.', oneLater);
  if (!what)
    return unknown(`What is dropped (${kind}) is not known.`, 'Judge it by hand and override the verdict by name.');
  const name = wordsOf(object).join('.');
  if (among === 'schema' ? newborn.has('schema', name) : among && newborn.hasListed(among, object)) return born;
  return breaking(
    `Old code may still use the ${what} ${name}.`,
    `Drop the ${what} one release after the code that no longer uses it; take a backup first, for no rollback brings it back.`,
  );
}

const oneLater = 'Drop it one release after the code that no longer leans on it.';

/** Triggers, rules and policies are named after their table: `[schema,] table, name`. */
function dropOfTable(kind: string, words: readonly string[], newborn: Context['newborn']): Finding {
  const table = words.slice(0, -1);
  if (
    newborn.has('relation', qualified(table)) ||
    (table.length === 1 && newborn.has('relation', `pg_temp.${table[0]}`))
  )
    return born;
  return kind === 'OBJECT_POLICY'
    ? breaking(
        'Rows that the policy let in disappear for old code.',
        'Drop a policy after no running code needs the rows.',
      )
    : unknown('Old code may lean on what it did.', oneLater);
}

function dropIndex(name: string, catalog: Catalog, newborn: Context['newborn']): Finding {
  const known = catalog.index(name);
  if (known && newborn.has('relation', known.table)) return born;
  if (known && !known.unique) return compatible('An index changes how fast, not what, old code reads.');
  if (known || /(^|[._])(uq|uk|unique)(_|$)|_(key|pkey|unique|uq)$/i.test(name))
    return breaking(
      'Old code may lean on it in ON CONFLICT, or on duplicates being refused.',
      'Drop it one release after the code that no longer leans on it.',
    );
  return unknown(
    `Whether ${name} is unique cannot be told: old code may lean on it in ON CONFLICT.`,
    'Keep earlier migrations in the repository, so that it is known, or drop it one release later.',
  );
}

import type {Context} from './context.js';
import {breaking, compatible, type Finding, unknown} from './finding.js';
import type {PgNode} from './grammar.js';
import {objectName, relationName, wordsOf} from './names.js';
import type {NewbornKind} from './newborn.js';

/** What is renamed, in words, and among which newborn things it would be found. */
const renamed: Readonly<Record<string, readonly [string, NewbornKind]>> = {
  OBJECT_TABLE: ['table', 'relation'],
  OBJECT_COLUMN: ['column', 'relation'],
  OBJECT_VIEW: ['view', 'relation'],
  OBJECT_MATVIEW: ['view', 'relation'],
  OBJECT_SEQUENCE: ['sequence', 'relation'],
  OBJECT_FOREIGN_TABLE: ['table', 'relation'],
  OBJECT_FUNCTION: ['function', 'function'],
  OBJECT_PROCEDURE: ['procedure', 'function'],
  OBJECT_AGGREGATE: ['function', 'function'],
  OBJECT_ROUTINE: ['function', 'function'],
  OBJECT_TYPE: ['type', 'type'],
  OBJECT_DOMAIN: ['type', 'type'],
  OBJECT_ATTRIBUTE: ['attribute', 'type'],
  OBJECT_SCHEMA: ['schema', 'schema'],
  OBJECT_ROLE: ['role', 'schema'],
  OBJECT_DATABASE: ['database', 'schema'],
};
const nameless = /^OBJECT_(TRIGGER|POLICY|RULE|DOMCONSTRAINT)$/;

export function judgeRename(fields: PgNode, context: Context): Finding {
  const kind = fields['renameType'] as string;
  if (isNewborn(fields, context)) return rememberNewName(fields, context);
  if (nameless.test(kind)) return compatible('Code does not use this name.');
  if (kind === 'OBJECT_INDEX') return renameIndex(relationName(fields['relation']), context);
  if (kind === 'OBJECT_TABCONSTRAINT')
    return renameConstraint(relationName(fields['relation']), fields['subname'], context);
  const [what] = renamed[kind] ?? [];
  if (!what)
    return unknown(`What is renamed (${kind}) is not known.`, 'Judge it by hand and override the verdict by name.');
  return breaking(
    `Old code still uses the ${what} under its old name ${oldName(fields)}.`,
    kind === 'OBJECT_COLUMN'
      ? 'Add the new column, write both, move readers over, and drop the old one later.'
      : 'Leave a view (or an alias) under the old name until no running code needs it.',
  );
}

function oldName(fields: PgNode): string {
  if (fields['renameType'] === 'OBJECT_COLUMN' || !fields['relation'])
    return fields['subname'] ?? wordsOf(fields['object']).at(-1) ?? '';
  return fields['relation'].relname;
}

function isNewborn(fields: PgNode, {newborn}: Context): boolean {
  const kind = fields['renameType'] as string;
  if (newborn.hasRelation(fields['relation'])) return true;
  if (kind === 'OBJECT_COLUMN') return newborn.hasColumn(relationName(fields['relation']), fields['subname']);
  if (kind === 'OBJECT_SCHEMA') return newborn.has('schema', fields['subname']);
  const among = renamed[kind]?.[1];
  return among !== undefined && fields['object'] !== undefined && newborn.has(among, objectName(fields['object']));
}

function rememberNewName(fields: PgNode, {newborn}: Context): Finding {
  const to = fields['newname'] as string;
  const kind = fields['renameType'] as string;
  const table = relationName(fields['relation']);
  const from = fields['relation'] ? table : fields['object'] ? objectName(fields['object']) : '';
  if (kind === 'OBJECT_COLUMN') newborn.addColumn(table, to);
  else if (kind === 'OBJECT_SCHEMA') newborn.add('schema', to);
  else if (renamed[kind]) newborn.add(renamed[kind][1], `${from.split('.')[0]}.${to}`);
  return compatible('Old code does not know it: it was made in this range.');
}

/** An index that keeps a constraint takes the constraint's name along. */
function renameIndex(name: string, {catalog}: Context): Finding {
  const index = catalog.index(name);
  return index && !catalog.constraint(index.table, name.split('.').at(-1)!)
    ? compatible('Code does not use this name.')
    : unknown(
        'With the index a constraint may change its name, which old code may name in ON CONFLICT ON CONSTRAINT.',
        'Rename it one release after the code that no longer names it.',
      );
}

function renameConstraint(table: string, name: string, {catalog}: Context): Finding {
  return /^(check|foreign|not-null)$/.test(catalog.constraint(table, name)?.kind ?? '')
    ? compatible('Code does not use this name.')
    : unknown(
        `Old code may name ${name} in ON CONFLICT ON CONSTRAINT or in its error handling.`,
        'Rename it one release after the code that no longer names it.',
      );
}

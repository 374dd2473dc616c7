import {type KnownConstraint, keysOf, sameRule} from './catalog.js';
import type {CommandRule} from './column-change.js';
import type {Context} from './context.js';
import {columnsIn, listedValues, passesNull} from './expression.js';
import {breaking, compatible, type Finding, type LockNote, unknown} from './finding.js';
import type {PgNode} from './grammar.js';

const later =
  'Release code that keeps to it first; add the constraint one release later, as NOT VALID, and validate it separately.';

export const addConstraint: CommandRule = (command, table, context) => {
  const constraint = (command['def']?.Constraint ?? {}) as PgNode;
  const again = context.catalog.droppedConstraints(table).find((dropped) => allowsAsMuch(dropped, constraint));
  if (again)
    return compatible('It allows at least what the constraint that it replaces did.', scanOf(constraint, table));
  switch (constraint['contype']) {
    case 'CONSTR_CHECK':
      return addCheck(constraint, table, context);
    case 'CONSTR_FOREIGN':
      return addForeignKey(constraint, table, context);
    case 'CONSTR_UNIQUE':
    case 'CONSTR_PRIMARY':
    case 'CONSTR_EXCLUSION':
      return addUnique(constraint, table, context);
    case 'CONSTR_NOTNULL':
      return breaking('Old code may still write NULL.', later, scanOf(constraint, table));
    default:
      return unknown('This kind of constraint is not known.', 'Judge it by hand and override the verdict by name.');
  }
};

function scanOf(constraint: PgNode, table: string): LockNote | undefined {
  if (constraint['skip_validation'] || constraint['indexname']) return undefined;
  const foreign = constraint['contype'] === 'CONSTR_FOREIGN';
  return {
    cost: foreign ? 'blocks-writes' : 'blocks-all',
    table,
    why: 'The constraint reads the whole table under a lock',
    instead: 'Add it as NOT VALID and validate it separately.',
  };
}

function allowsAsMuch(dropped: KnownConstraint, added: PgNode): boolean {
  if (sameRule(dropped, added)) return true;
  const before = listedValues(dropped.definition['raw_expr']);
  const after = listedValues(added['raw_expr']);
  return (
    dropped.kind === 'check' &&
    before !== undefined &&
    before.column === after?.column &&
    [...before.values].every((value) => after.values.has(value))
  );
}

function addCheck(constraint: PgNode, table: string, {newborn}: Context): Finding {
  const columns = columnsIn(constraint['raw_expr']);
  const fresh = columns.length > 0 && columns.every((column) => newborn.hasColumn(table, column));
  if (fresh && passesNull(constraint['raw_expr'], columns[0]!))
    return compatible('The check concerns only a column that old code does not know.', scanOf(constraint, table));
  if (constraint['is_enforced'] === false) return compatible('The check is not enforced.');
  return breaking(
    'Old code may write rows that the check refuses, NOT VALID or not.',
    later,
    scanOf(constraint, table),
  );
}

function addForeignKey(constraint: PgNode, table: string, {newborn}: Context): Finding {
  // One column that old code leaves NULL is enough: with MATCH SIMPLE, the default, such a row needs no parent.
  const free = keysOf(constraint).some((column) => newborn.hasColumn(table, column));
  if (free && constraint['fk_matchtype'] !== 'f')
    return compatible('The key concerns a column that old code does not know.', scanOf(constraint, table));
  return breaking(
    'Old code may write rows without their parent, or delete parents that are now needed.',
    later,
    scanOf(constraint, table),
  );
}

function addUnique(constraint: PgNode, table: string, context: Context): Finding {
  const building: LockNote = {
    cost: 'blocks-all',
    table,
    why: 'Building the index blocks the table',
    instead: 'CREATE UNIQUE INDEX CONCURRENTLY, then ADD CONSTRAINT … USING INDEX.',
  };
  if (constraint['indexname']) return adoptIndex(constraint, table, context);
  if (constraint['contype'] === 'CONSTR_UNIQUE') {
    const columns = keysOf(constraint);
    if (neverCollides(columns, table, context, constraint['nulls_not_distinct'] === true))
      return compatible('Old code leaves the new column NULL, and NULL never collides.', building);
    if (columns.some((column) => context.catalog.isKey(table, column)))
      return compatible('No two rows could be alike before either.', building);
  }
  if (constraint['contype'] === 'CONSTR_PRIMARY' && keysOf(constraint).every((c) => drawnHere(table, c, context)))
    return compatible('Old code does not know the column, which numbers itself.', building);
  return breaking('Old code may write rows that now collide.', later, building);
}

/** The index has kept duplicates out already; a primary key also refuses NULL. */
function adoptIndex(constraint: PgNode, table: string, {catalog}: Context): Finding {
  const index = catalog.index(`${table.split('.')[0]}.${constraint['indexname']}`);
  return constraint['contype'] === 'CONSTR_UNIQUE' && index?.unique && index.table === table
    ? compatible('The unique index refused duplicates already.')
    : breaking(
        'Old code may write NULL or duplicates, which are refused from now on.',
        'Add the constraint one release after the code that keeps to it.',
      );
}

/** Rows of old code hold NULL in one of the columns at least, and NULL is equal to nothing. */
export function neverCollides(
  columns: readonly string[],
  table: string,
  {catalog, newborn}: Context,
  nullsAlike: boolean,
): boolean {
  return (
    !nullsAlike &&
    columns.some((name) => {
      const column = catalog.column(table, name);
      return newborn.hasColumn(table, name) && column !== undefined && (column.varies || !column.hasDefault);
    })
  );
}

function drawnHere(table: string, name: string, {catalog, newborn}: Context): boolean {
  return newborn.hasColumn(table, name) && catalog.column(table, name)?.varies === true;
}

export const dropConstraint: CommandRule = (command, table, {catalog, newborn}) => {
  const name = command['name'] as string;
  const known = catalog.constraint(table, name);
  if (known?.columns.length && known.columns.some((column) => newborn.hasColumn(table, column)))
    return compatible('It concerns a column that old code does not know.');
  const kind = known?.kind ?? kindByName(name);
  if (kind === 'check' || kind === 'not-null' || kind === 'exclude')
    return compatible('What old code was allowed to write it still is.');
  if (kind === 'foreign') return dropForeignKey(name, known);
  if (kind === 'unique' || kind === 'primary')
    return breaking(
      `Old code may lean on ${name} in ON CONFLICT, or on duplicates being refused.`,
      'Drop it one release after the code that no longer leans on it.',
    );
  return unknown(
    `What ${name} is cannot be told: if it is unique, old code may lean on it in ON CONFLICT.`,
    'Keep earlier migrations in the repository, so that its kind is known, or drop it one release later.',
  );
};

function dropForeignKey(name: string, known: KnownConstraint | undefined): Finding {
  const acts = known?.definition['fk_del_action'] ?? '?';
  if (/[ar]/.test(acts) && /[ar]/.test(known?.definition['fk_upd_action'] ?? 'a'))
    return compatible('What old code was allowed to write it still is.');
  const instead = 'Drop it one release after the code that no longer leans on rows going along with their parent.';
  return known
    ? breaking(`Old code leans on ${name} to change or delete rows along with their parent.`, instead)
    : unknown(`Whether ${name} deletes rows along with their parent cannot be told.`, instead);
}

/** The names that PostgreSQL itself gives. */
function kindByName(name: string): 'check' | 'foreign' | 'unique' | 'primary' | undefined {
  if (/_fkey\d*$/.test(name) || /^fk_/.test(name)) return 'foreign';
  if (/_check\d*$/.test(name) || /^(ck|chk)_/.test(name)) return 'check';
  if (/_pkey$/.test(name) || /^pk_/.test(name)) return 'primary';
  if (/_key\d*$/.test(name) || /^(uq|uk)_/.test(name)) return 'unique';
  return undefined;
}

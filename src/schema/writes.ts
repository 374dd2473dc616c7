import type {Context} from './context.js';
import {columnsIn, functionsIn, walk} from './expression.js';
import {breaking, compatible, type Finding, join, unchanged, unknown} from './finding.js';
import type {PgNode} from './grammar.js';
import {relationName} from './names.js';

const moved = unknown(
  'What old code makes of the changed rows cannot be told.',
  'Move data in a release of its own, in a form that both versions read.',
);
const newTable = compatible('Old code does not know the table.');

export function judgeInsert(fields: PgNode, context: Context): Finding {
  return withNested(fields, context, insert(fields, context));
}

function insert(fields: PgNode, {catalog, newborn}: Context): Finding {
  if (newborn.hasRelation(fields['relation'])) return newTable;
  if (fields['onConflictClause']?.action === 'ONCONFLICT_UPDATE') return moved;
  const table = relationName(fields['relation']);
  const numbered = ((fields['cols'] ?? []) as PgNode[])
    .map((target) => target['ResTarget']?.name as string)
    .find((name) => catalog.column(table, name)?.draws);
  return numbered
    ? unknown(
        `It writes ${numbered} itself, which old code draws from a sequence: both may come to the same number.`,
        `Leave ${numbered} to its sequence.`,
      )
    : compatible('Rows that exist stay as they are.');
}

export function judgeUpdate(fields: PgNode, context: Context): Finding {
  const table = relationName(fields['relation']);
  const targets = ((fields['targetList'] ?? []) as PgNode[]).map((target) => target['ResTarget']?.name as string);
  const fresh = targets.every((name) => context.newborn.hasColumn(table, name));
  if (context.newborn.hasRelation(fields['relation'])) return withNested(fields, context, newTable);
  const filled = compatible('It fills only a column that old code does not know.', {
    cost: 'blocks-writes',
    table,
    why: 'Every row that is written stays locked until the end of the transaction',
    instead: 'Fill it in batches, outside of the migration.',
  });
  return withNested(fields, context, fresh ? filled : moved);
}

export function judgeDelete(fields: PgNode, context: Context): Finding {
  return withNested(fields, context, context.newborn.hasRelation(fields['relation']) ? newTable : moved);
}

const writers: Readonly<Record<string, (fields: PgNode, context: Context) => Finding>> = {
  InsertStmt: insert,
  UpdateStmt: judgeUpdate,
  DeleteStmt: judgeDelete,
  MergeStmt: () => moved,
};

/** A write may hide in a WITH clause of another statement. */
function withNested(fields: PgNode, context: Context, outer: Finding): Finding {
  const inner: Finding[] = [];
  walk(fields, (type, nested) => {
    const writer = writers[type];
    if (writer) inner.push(writer(nested, context));
  });
  return inner.length ? join([outer, ...inner]) : outer;
}

/** Functions of PostgreSQL that change nothing. */
const reading = new Set(
  'now version current_setting current_database current_schema count max min sum avg bool_and bool_or string_agg array_agg json_agg jsonb_agg coalesce lower upper length md5 abs round to_regclass pg_get_serial_sequence nullif greatest least format quote_ident date_trunc exists generate_series row_number pg_total_relation_size pg_relation_size pg_sleep'.split(
    ' ',
  ),
);
const session = new Set([
  'set_config',
  'pg_advisory_lock',
  'pg_advisory_unlock',
  'pg_advisory_xact_lock',
  'pg_try_advisory_lock',
  'pg_notify',
  'nextval',
]);

/** A SELECT changes nothing but by the functions it calls and the writes in its WITH clause. */
export function judgeSelect(fields: PgNode, context: Context): Finding {
  const outer = fields['intoClause']
    ? compatible('Old code does not know the new table.')
    : judgeCalls(fields, context);
  return withNested(fields, context, outer);
}

function judgeCalls(fields: PgNode, context: Context): Finding {
  const called = functionsIn(fields);
  const foreign = called.find((name) => !reading.has(name) && !session.has(name) && name !== 'setval');
  if (foreign)
    return unknown(
      `The function ${foreign} can do anything; it is not read.`,
      'Judge it by hand and override the verdict by name.',
    );
  if (called.includes('setval')) return judgeSetval(fields, context);
  return called.some((name) => session.has(name) && name !== 'set_config')
    ? compatible('It sets nothing that old code leans on.')
    : unchanged('It only reads.');
}

/** `setval(…, max(id))` keeps clear of what is there; a number written by hand may not. */
function judgeSetval(fields: PgNode, {newborn}: Context): Finding {
  let highest = true;
  let fresh = true;
  walk(fields, (type, call) => {
    if (type !== 'FuncCall' || !/"setval"/.test(JSON.stringify(call['funcname']))) return;
    const [sequence, value] = (call['args'] ?? []) as PgNode[];
    const name = sequence?.['A_Const']?.sval?.sval as string | undefined;
    fresh &&= name !== undefined && newborn.has('relation', name.includes('.') ? name : `public.${name}`);
    highest &&= functionsIn(value).includes('max');
  });
  if (fresh) return compatible('Old code does not know the sequence.');
  return highest
    ? compatible('The sequence goes on behind the highest number that is in use.')
    : unknown('Numbers that old code draws may collide.', 'Set it to the highest number in use: setval(…, max(id)).');
}

export function judgeTruncate(fields: PgNode, {newborn}: Context): Finding {
  return ((fields['relations'] ?? []) as PgNode[]).every((one) => newborn.hasRelation(one['RangeVar']))
    ? newTable
    : breaking(
        'Rows that old code needs are gone, and no rollback brings them back.',
        'Keep the rows until no running code reads them; take a backup first.',
      );
}

export function judgeCopy(fields: PgNode, {newborn}: Context): Finding {
  if (!fields['is_from']) return unchanged('It only reads.');
  return newborn.hasRelation(fields['relation'])
    ? newTable
    : unknown(
        'What old code makes of the new rows cannot be told.',
        'Judge it by hand and override the verdict by name.',
      );
}

/** True when every column that the unique index holds as such is named; expressions count as what they read. */
export function indexColumns(fields: PgNode): string[] {
  return ((fields['indexParams'] ?? []) as PgNode[]).flatMap(
    (param) => param['IndexElem']?.name ?? columnsIn(param['IndexElem']?.expr),
  );
}

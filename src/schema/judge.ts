import {judgeAlterCommand} from './alter-table.js';
import {madeBy} from './catalog.js';
import {neverCollides} from './constraint-change.js';
import type {Context} from './context.js';
import {judgeDrop} from './drop.js';
import {mayRaise} from './expression.js';
import {breaking, compatible, type Finding, join, unchanged, unknown} from './finding.js';
import type {ParsedStatement, PgNode} from './grammar.js';
import {objectName, relationName} from './names.js';
import type {NewbornKind} from './newborn.js';
import {judgeRename} from './rename.js';
import {indexColumns, judgeCopy, judgeDelete, judgeInsert, judgeSelect, judgeTruncate, judgeUpdate} from './writes.js';

type Rule = (fields: PgNode, context: Context) => Finding;

const byHand = 'Judge it by hand and override the verdict by name.';
const made =
  (what: string): Rule =>
  () =>
    compatible(`Old code does not know the new ${what}.`);
const noEffect: Rule = () => unchanged('It changes nothing that code could see.');

const rules: Readonly<Record<string, Rule>> = {
  CreateStmt: made('table'),
  CreateTableAsStmt: made('table'),
  IndexStmt: (fields, context) => judgeIndex(fields, context),
  ViewStmt: (fields, context) =>
    fields['replace'] && !isNew('relation', relationName(fields['view']), context)
      ? unknown(
          'A replaced view keeps its columns, but may show other rows or refuse writes of old code.',
          'Give the new view a new name, move readers over, and drop the old one later.',
        )
      : compatible('Old code does not know the new view.'),
  CreateSeqStmt: made('sequence'),
  CreateEnumStmt: made('type'),
  CreateRangeStmt: made('type'),
  CompositeTypeStmt: made('type'),
  CreateDomainStmt: made('type'),
  CreateSchemaStmt: made('schema'),
  CreateExtensionStmt: made('extension'),
  CreateCastStmt: () => unknown('A cast may change how expressions of old code are read.', byHand),
  CreateStatsStmt: made('statistics'),
  CreatePublicationStmt: () =>
    unknown(
      'Updates and deletes of old code are refused for published tables without a replica identity.',
      'Give each published table a primary key first, and judge it by hand.',
    ),
  CreateSubscriptionStmt: made('subscription'),
  CreateRoleStmt: made('role'),
  CreateForeignTableStmt: made('table'),
  CreateFdwStmt: made('wrapper'),
  CreateForeignServerStmt: made('server'),
  DefineStmt: (fields) =>
    fields['kind'] === 'OBJECT_OPERATOR'
      ? unknown('A new operator may change how expressions of old code are read.', byHand)
      : compatible('Old code does not know the new object.'),
  CreatePLangStmt: made('language'),
  CreateUserMappingStmt: made('mapping'),
  ImportForeignSchemaStmt: made('table'),
  CreateAmStmt: made('access method'),
  CreateTableSpaceStmt: made('tablespace'),
  CreateOpClassStmt: made('operator class'),
  CreateOpFamilyStmt: made('operator family'),
  CreateFunctionStmt: (fields, context) => {
    const name = objectName(fields['funcname']);
    if (isNew('function', name, context)) return compatible('Old code does not know the new function.');
    if (fields['replace'])
      return unknown(
        'What a replaced function does for old code cannot be read from its declaration.',
        'Give the new behaviour a new name, move callers over, and drop the old function later.',
      );
    return context.catalog.knows(name)
      ? unknown('Calls of old code may now mean the function of the same name with other arguments.', byHand)
      : compatible('Old code does not know the new function.');
  },
  CreateTrigStmt: (fields, {newborn}) =>
    newborn.hasRelation(fields['relation'])
      ? compatible('Old code does not know the new table.')
      : unknown(
          'The trigger also runs for writes of old code.',
          'Create the trigger in a release of its own, after checking it against the writes of running code.',
        ),
  CreateEventTrigStmt: () => unknown('It may refuse statements of old code.', byHand),
  RuleStmt: (fields, {newborn}) =>
    newborn.hasRelation(fields['relation'])
      ? compatible('Old code does not know the new table.')
      : breaking('A rule rewrites the statements of old code.', 'Use a view under a new name, and move readers over.'),
  CreatePolicyStmt: (fields, {newborn}) => {
    if (newborn.hasRelation(fields['table'])) return compatible('Old code does not know the new table.');
    return fields['permissive']
      ? compatible('A permissive policy only lets more rows in.')
      : breaking('A restrictive policy hides rows from old code.', 'Create it after running code keeps to it.');
  },
  AlterPolicyStmt: (fields, {newborn}) =>
    newborn.hasRelation(fields['table'])
      ? compatible('Old code does not know the new table.')
      : unknown('Which rows old code sees may change.', byHand),
  AlterTableStmt: (fields, context) => judgeAlter(fields, context),
  AlterTableMoveAllStmt: () => compatible('Only storage changes.'),
  RenameStmt: (fields, context) => judgeRename(fields, context),
  AlterObjectSchemaStmt: (fields, {newborn}) =>
    newborn.hasRelation(fields['relation'])
      ? compatible('Old code does not know it.')
      : breaking(
          'Old code looks for it in its old schema.',
          'Leave a view (or a function) under the old name until no running code needs it.',
        ),
  AlterOwnerStmt: () =>
    unknown(
      'Old code may connect as a role that loses its rights with the ownership.',
      'Grant the rights that running code needs before the owner changes.',
    ),
  AlterEnumStmt: (fields, {newborn}) =>
    newborn.has('type', objectName(fields['typeName']))
      ? compatible('Old code does not know the new type.')
      : fields['oldVal']
        ? breaking(
            `Old code still writes and reads the value ${fields['oldVal']}.`,
            'Add the new value, let code use it, and leave the old one.',
          )
        : compatible('Old values stay; old code may meet the new one only in rows that new code wrote.'),
  AlterDomainStmt: (fields, context) => judgeDomain(fields, context),
  AlterSeqStmt: (fields, context) => judgeSequence(fields, context),
  AlterFunctionStmt: () => unknown('How the function behaves for old code may change.', byHand),
  AlterExtensionStmt: () => unknown('A new version of an extension may change what old code calls.', byHand),
  AlterStatsStmt: noEffect,
  AlterRoleStmt: () => unknown('Old code may connect as this role.', byHand),
  AlterRoleSetStmt: () => unknown('Settings of the role that old code connects as may change.', byHand),
  AlterDatabaseSetStmt: () => unknown('Settings that old code runs with may change.', byHand),
  AlterDatabaseStmt: () => unknown('Limits that old code runs with may change.', byHand),
  AlterSystemStmt: () => unknown('Settings that old code runs with may change.', byHand),
  AlterDefaultPrivilegesStmt: () => compatible('Only objects that are made later are concerned.'),
  AlterPublicationStmt: (fields) =>
    fields['action'] === 'AP_DropObjects'
      ? compatible('Only replication sees it.')
      : unknown(
          'Updates and deletes of old code are refused for published tables without a replica identity.',
          'Give each published table a primary key first, and judge it by hand.',
        ),
  AlterSubscriptionStmt: () => unknown('Rows may come in from elsewhere, or no longer.', byHand),
  DropStmt: (fields, context) => judgeDrop(fields, context),
  DropOwnedStmt: () =>
    breaking(
      'Everything of the role disappears.',
      'Drop single objects, each one release after the code that no longer needs it.',
    ),
  DropRoleStmt: () =>
    breaking('Old code may connect as this role.', 'Drop a role after no running code connects as it.'),
  ReassignOwnedStmt: () => unknown('Old code may lose rights that came with ownership.', byHand),
  TruncateStmt: judgeTruncate,
  GrantStmt: (fields, context) => judgeGrant(fields, context),
  GrantRoleStmt: (fields, context) => judgeGrant(fields, context),
  InsertStmt: judgeInsert,
  UpdateStmt: judgeUpdate,
  DeleteStmt: judgeDelete,
  MergeStmt: (fields, {newborn}) =>
    newborn.hasRelation(fields['relation'])
      ? compatible('Old code does not know the table.')
      : unknown(
          'What old code makes of the changed rows cannot be told.',
          'Move data in a release of its own, in a form that both versions read.',
        ),
  CopyStmt: judgeCopy,
  DoStmt: () =>
    unknown(
      'A block of code can do anything; it is not read.',
      'Write plain statements, or judge it by hand and override the verdict by name.',
    ),
  CallStmt: () => unknown('A procedure can do anything; it is not read.', byHand),
  SelectStmt: judgeSelect,
  RefreshMatViewStmt: (fields, {newborn}) =>
    fields['skipData'] && !newborn.hasRelation(fields['relation'])
      ? breaking('Without data the view cannot be read.', 'Refresh it with data.')
      : compatible('The view shows newer rows.', {
          cost: fields['concurrent'] ? 'brief' : 'blocks-all',
          table: relationName(fields['relation']),
          why: 'Readers of the view wait for the refresh',
        }),
  ReindexStmt: (fields) =>
    compatible('Only the index is built again.', {
      cost: /"concurrently"/.test(JSON.stringify(fields['params'] ?? [])) ? 'brief' : 'blocks-writes',
      table: fields['kind'] === 'REINDEX_OBJECT_TABLE' ? relationName(fields['relation']) : '',
      why: 'REINDEX without CONCURRENTLY blocks writes',
    }),
  ClusterStmt: (fields) =>
    compatible('Only the order on disk changes.', {
      cost: 'rewrites',
      table: relationName(fields['relation']),
      why: 'CLUSTER writes the table again under an exclusive lock',
    }),
  VacuumStmt: noEffect,
  CommentStmt: noEffect,
  SecLabelStmt: noEffect,
  TransactionStmt: noEffect,
  VariableSetStmt: noEffect,
  VariableShowStmt: noEffect,
  LockStmt: noEffect,
  ConstraintsSetStmt: noEffect,
  CheckPointStmt: noEffect,
  DiscardStmt: noEffect,
  ExplainStmt: (fields, context) => {
    const [type, inner] = Object.entries((fields['query'] ?? {}) as PgNode)[0] ?? [];
    return /"analyze"/.test(JSON.stringify(fields['options'] ?? [])) && type && rules[type]
      ? rules[type](inner, context)
      : unchanged('It only plans.');
  },
  NotifyStmt: () => compatible('Listeners get one message.'),
};

/** Judges one statement for "old code still works on the new schema", and learns from it. */
export function judge(statement: ParsedStatement, context: Context): Finding {
  const rule = rules[statement.type];
  const finding = rule
    ? rule(statement.fields, context)
    : unknown(`${statement.type} is not a statement this version knows.`, byHand);
  remember(statement, context);
  return finding;
}

/** Neither a migration nor the live database, which was asked, knows it. */
function isNew(kind: NewbornKind, name: string, {catalog, newborn, live}: Context): boolean {
  if (newborn.has(kind, name)) return true;
  if (!live || catalog.knows(name)) return false;
  return kind === 'function' ? !live.functions.has(name) : !live.relations.has(name);
}

const newbornKinds: Readonly<Record<string, NewbornKind>> = {
  CreateFunctionStmt: 'function',
  CreateSchemaStmt: 'schema',
  CreateEnumStmt: 'type',
  CreateRangeStmt: 'type',
  CompositeTypeStmt: 'type',
  CreateDomainStmt: 'type',
};

function remember(statement: ParsedStatement, context: Context): void {
  const {type, fields} = statement;
  const {catalog, newborn} = context;
  const maybe = fields['replace'] || fields['if_not_exists'];
  for (const name of type === 'CreateStmt' ? [relationName(fields['relation'])] : madeBy(type, fields)) {
    const kind = newbornKinds[type] ?? 'relation';
    // A function of this name may be there with other arguments.
    if (kind === 'function' && catalog.knows(name)) continue;
    if (!maybe || isNew(kind, name, context)) newborn.add(kind, name);
  }
  // Its subcommands were followed one by one.
  if (type !== 'AlterTableStmt') catalog.learn(statement);
}

function judgeAlter(fields: PgNode, context: Context): Finding {
  const {catalog, newborn} = context;
  const table = relationName(fields['relation']);
  const commands = ((fields['cmds'] ?? []) as Array<{AlterTableCmd: PgNode}>).map((one) => one.AlterTableCmd);
  const finding = newborn.hasRelation(fields['relation'])
    ? compatible('Old code does not know it: it was made in this range.')
    : alterOther(fields, commands);
  if (finding) {
    for (const command of commands) catalog.learnCommand(table, command);
    return finding;
  }
  return join(commands.map((command) => follow(command, commands, table, context)));
}

/** What ALTER TABLE says about things that are not tables. */
function alterOther(fields: PgNode, commands: readonly PgNode[]): Finding | undefined {
  if (fields['objtype'] === 'OBJECT_INDEX') return compatible('Only the index changes.');
  if (fields['objtype'] === 'OBJECT_TYPE') return judgeComposite(fields);
  if (fields['objtype'] !== 'OBJECT_VIEW') return undefined;
  return commands.every(({subtype, def}) => subtype === 'AT_ColumnDefault' && def)
    ? compatible('The view shows the same rows.')
    : unknown('Which rows old code sees or writes through the view may change.', byHand);
}

/** Judges one subcommand and learns from it, so that the next one sees it done. */
function follow(command: PgNode, all: readonly PgNode[], table: string, context: Context): Finding {
  const {catalog, newborn} = context;
  const column = command['def']?.ColumnDef?.colname as string | undefined;
  const adds = command['subtype'] === 'AT_AddColumn' && column !== undefined;
  const given = adds && command['missing_ok'] && catalog.column(table, column) !== undefined;
  const finding = defaultComesBack(command, all)
    ? compatible('The same statement gives the column a default again.')
    : judgeAlterCommand(command, table, context);
  if (adds && !given) newborn.addColumn(table, column);
  catalog.learnCommand(table, command);
  return finding;
}

function defaultComesBack({subtype, name, def}: PgNode, all: readonly PgNode[]): boolean {
  const sets = (one: PgNode) => one['subtype'] === 'AT_ColumnDefault' && one['name'] === name && one['def'];
  return subtype === 'AT_ColumnDefault' && !def && all.some(sets);
}

function judgeComposite(fields: PgNode): Finding {
  const only = ((fields['cmds'] ?? []) as PgNode[]).every((one) => one['AlterTableCmd']?.subtype === 'AT_AddColumn');
  return only
    ? unknown('Old code may write rows of the type with fewer attributes.', 'Use a new type, and move over.')
    : breaking('Old code reads and writes the type as it was.', 'Use a new type, and move over.');
}

/** By the letter that PostgreSQL's grammar uses for each subcommand of ALTER DOMAIN. */
function judgeDomain(fields: PgNode, {newborn}: Context): Finding {
  if (newborn.has('type', objectName(fields['typeName']))) return compatible('Old code does not know the new type.');
  switch (fields['subtype']) {
    case 'N':
    case 'X':
    case 'V':
      return compatible('It allows at least what it did.');
    case 'O':
    case 'C':
      return breaking(
        'Values of old code may be refused.',
        'Tighten a domain one release after the code that keeps to it.',
      );
    case 'T':
      return fields['def']
        ? compatible('A default changes only rows that do not name the column.')
        : breaking('Old code may lean on the default.', 'Keep the default until no running code leans on it.');
    default:
      return unknown('What old code leans on cannot be told.', byHand);
  }
}

function judgeGrant(fields: PgNode, {newborn}: Context): Finding {
  if (fields['is_grant']) return compatible('Old code may do at least what it could.');
  const objects = (fields['objects'] ?? []) as PgNode[];
  const fresh = objects.length > 0 && objects.every((one) => one['RangeVar'] && newborn.hasRelation(one['RangeVar']));
  return fresh
    ? compatible('Old code does not know the new table.')
    : breaking('Old code may lose rights that it uses.', 'Revoke after no running code needs the right.');
}

function judgeIndex(fields: PgNode, context: Context): Finding {
  const table = relationName(fields['relation']);
  if (context.newborn.hasRelation(fields['relation'])) return compatible('Old code does not know the new table.');
  const lock = fields['concurrent']
    ? undefined
    : {
        cost: 'blocks-writes' as const,
        table,
        why: 'Building the index blocks writes',
        instead: 'CREATE INDEX CONCURRENTLY, outside a transaction.',
      };
  if (mayRaise([fields['indexParams'], fields['whereClause']]))
    return unknown(
      'Working out the index may fail for rows that old code writes, and then the row is refused.',
      'Use an expression that takes whatever its columns may hold.',
      lock,
    );
  if (!fields['unique']) return compatible('An index changes how fast, not what, old code reads.', lock);
  const columns = indexColumns(fields);
  const plain = ((fields['indexParams'] ?? []) as PgNode[]).every((param) => param['IndexElem']?.name);
  if (plain && neverCollides(columns, table, context, fields['nulls_not_distinct'] === true))
    return compatible('Old code leaves the new column NULL, and NULL never collides.', lock);
  if (plain && columns.some((column) => context.catalog.isKey(table, column)))
    return compatible('No two rows could be alike before either.', lock);
  return breaking(
    'Old code may write rows that now collide.',
    'Release code that keeps to it first; make it unique one release later.',
    lock,
  );
}

function judgeSequence(fields: PgNode, {newborn}: Context): Finding {
  if (newborn.hasRelation(fields['sequence'])) return compatible('Old code does not know the new sequence.');
  const options = ((fields['options'] ?? []) as PgNode[]).map((option) => option['DefElem'] as PgNode);
  const calm = options.every(
    ({defname, arg}) =>
      /^(owned_by|cache)$/.test(defname) ||
      (defname === 'as' && /"int8"/.test(JSON.stringify(arg))) ||
      (defname === 'maxvalue' && arg === undefined),
  );
  return calm
    ? compatible('Old code draws numbers as before.')
    : unknown('Numbers that old code draws may collide or run out.', 'Leave room above the highest number in use.');
}

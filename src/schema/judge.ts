import {judgeAlterCommand} from './alter-table.js';
import {type Catalog, madeBy, objectName, relationName} from './catalog.js';
import {breaking, compatible, type Finding, join, unchanged, unknown} from './finding.js';
import type {ParsedStatement, PgNode} from './grammar.js';

/** What is known when a statement is judged. */
export interface Context {
  /** Everything that earlier migrations made, and earlier statements of this range. */
  readonly catalog: Catalog;
  /** Names made within the range that is judged: old code cannot know them. */
  readonly newborn: Set<string>;
}

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
  ViewStmt: (fields) =>
    compatible(
      fields['replace']
        ? 'A replaced view keeps its columns; PostgreSQL refuses anything else.'
        : 'Old code does not know the new view.',
    ),
  CreateSeqStmt: made('sequence'),
  CreateEnumStmt: made('type'),
  CreateRangeStmt: made('type'),
  CompositeTypeStmt: made('type'),
  CreateDomainStmt: made('type'),
  CreateSchemaStmt: made('schema'),
  CreateExtensionStmt: made('extension'),
  CreateCastStmt: () => unknown('A cast may change how expressions of old code are read.', byHand),
  CreateStatsStmt: made('statistics'),
  CreatePublicationStmt: made('publication'),
  CreateSubscriptionStmt: made('subscription'),
  CreateRoleStmt: made('role'),
  CreateForeignTableStmt: made('table'),
  CreateFdwStmt: made('wrapper'),
  CreateForeignServerStmt: made('server'),
  DefineStmt: made('object'),
  CreateOpClassStmt: made('operator class'),
  CreateOpFamilyStmt: made('operator family'),
  CreateFunctionStmt: (fields) =>
    fields['replace']
      ? unknown(
          'What a replaced function does for old code cannot be read from its declaration.',
          'Give the new behaviour a new name, move callers over, and drop the old function later.',
        )
      : compatible('Old code does not know the new function.'),
  CreateTrigStmt: (fields, {newborn}) =>
    newborn.has(relationName(fields['relation']))
      ? compatible('Old code does not know the new table.')
      : unknown(
          'The trigger also runs for writes of old code.',
          'Create the trigger in a release of its own, after checking it against the writes of running code.',
        ),
  CreateEventTrigStmt: () => unknown('It may refuse statements of old code.', byHand),
  RuleStmt: () =>
    breaking('A rule rewrites the statements of old code.', 'Use a view under a new name, and move readers over.'),
  CreatePolicyStmt: (fields, {newborn}) => {
    if (newborn.has(relationName(fields['table']))) return compatible('Old code does not know the new table.');
    return fields['permissive']
      ? compatible('A permissive policy only lets more rows in.')
      : breaking('A restrictive policy hides rows from old code.', 'Create it after running code keeps to it.');
  },
  AlterPolicyStmt: () => unknown('Which rows old code sees may change.', byHand),
  AlterTableStmt: (fields, context) => judgeAlter(fields, context),
  AlterTableMoveAllStmt: () => compatible('Only storage changes.'),
  RenameStmt: (fields, context) => judgeRename(fields, context),
  AlterObjectSchemaStmt: (fields, {newborn}) =>
    newborn.has(relationName(fields['relation']))
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
  AlterEnumStmt: (fields) =>
    fields['oldVal']
      ? breaking(
          `Old code still writes and reads the value ${fields['oldVal']}.`,
          'Add the new value, let code use it, and leave the old one.',
        )
      : compatible('Old values stay; old code may meet the new one only in rows that new code wrote.'),
  AlterDomainStmt: (fields) =>
    'CX'.includes(fields['subtype']) || fields['subtype'] === 'O'
      ? fields['subtype'] === 'X' || fields['subtype'] === 'V'
        ? compatible('It allows at least what it did.')
        : breaking(
            'Values of old code may be refused.',
            'Tighten a domain one release after the code that keeps to it.',
          )
      : fields['subtype'] === 'N' || fields['subtype'] === 'V'
        ? compatible('It allows at least what it did.')
        : fields['subtype'] === 'T' && fields['def']
          ? compatible('A default changes only rows that do not name the column.')
          : unknown('What old code leans on cannot be told.', byHand),
  AlterSeqStmt: (fields) => judgeSequence(fields),
  AlterFunctionStmt: () => unknown('How the function behaves for old code may change.', byHand),
  AlterExtensionStmt: () => unknown('A new version of an extension may change what old code calls.', byHand),
  AlterStatsStmt: noEffect,
  AlterRoleStmt: () => unknown('Old code may connect as this role.', byHand),
  AlterRoleSetStmt: () => unknown('Settings of the role that old code connects as may change.', byHand),
  AlterDatabaseSetStmt: () => unknown('Settings that old code runs with may change.', byHand),
  AlterDatabaseStmt: () => unknown('Limits that old code runs with may change.', byHand),
  AlterSystemStmt: () => unknown('Settings that old code runs with may change.', byHand),
  AlterDefaultPrivilegesStmt: () => compatible('Only objects that are made later are concerned.'),
  AlterPublicationStmt: () => compatible('Only replication sees it.'),
  DropStmt: (fields, context) => judgeDrop(fields, context),
  DropOwnedStmt: () =>
    breaking(
      'Everything of the role disappears.',
      'Drop single objects, each one release after the code that no longer needs it.',
    ),
  DropRoleStmt: () =>
    breaking('Old code may connect as this role.', 'Drop a role after no running code connects as it.'),
  ReassignOwnedStmt: () => unknown('Old code may lose rights that came with ownership.', byHand),
  TruncateStmt: (fields, {newborn}) =>
    ((fields['relations'] ?? []) as PgNode[]).every((one) => newborn.has(relationName(one['RangeVar'])))
      ? compatible('Old code does not know the table.')
      : breaking(
          'Rows that old code needs are gone, and no rollback brings them back.',
          'Keep the rows until no running code reads them; take a backup first.',
        ),
  GrantStmt: (fields) =>
    fields['is_grant']
      ? compatible('Old code may do at least what it could.')
      : breaking('Old code may lose rights that it uses.', 'Revoke after no running code needs the right.'),
  GrantRoleStmt: (fields) =>
    fields['is_grant']
      ? compatible('Old code may do at least what it could.')
      : breaking('Old code may lose rights that it uses.', 'Revoke after no running code needs the right.'),
  InsertStmt: (fields, context) => judgeWrite('insert', fields, context),
  UpdateStmt: (fields, context) => judgeWrite('update', fields, context),
  DeleteStmt: (fields, context) => judgeWrite('delete', fields, context),
  MergeStmt: () =>
    unknown(
      'What old code makes of the changed rows cannot be told.',
      'Move data in a release of its own, in a form that both versions read.',
    ),
  CopyStmt: (fields, {newborn}) =>
    newborn.has(relationName(fields['relation']))
      ? compatible('Old code does not know the table.')
      : unknown('What old code makes of the new rows cannot be told.', byHand),
  DoStmt: () =>
    unknown(
      'A block of code can do anything; it is not read.',
      'Write plain statements, or judge it by hand and override the verdict by name.',
    ),
  CallStmt: () => unknown('A procedure can do anything; it is not read.', byHand),
  SelectStmt: (fields) => judgeSelect(fields),
  RefreshMatViewStmt: (fields) =>
    compatible('The view shows newer rows.', {
      cost: fields['concurrent'] ? 'brief' : 'blocks-all',
      table: relationName(fields['relation']),
      why: 'Readers of the view wait for the refresh',
    }),
  ReindexStmt: () =>
    compatible('Only the index is built again.', {
      cost: 'blocks-writes',
      table: '',
      why: 'REINDEX without CONCURRENTLY blocks writes',
    }),
  ClusterStmt: () =>
    compatible('Only the order on disk changes.', {
      cost: 'rewrites',
      table: '',
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
  ExplainStmt: noEffect,
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

function remember(statement: ParsedStatement, {catalog, newborn}: Context): void {
  const {type, fields} = statement;
  if (type === 'CreateStmt' && !fields['if_not_exists']) newborn.add(relationName(fields['relation']));
  for (const name of madeBy(type, fields))
    if (!fields['replace'] && !fields['if_not_exists'] && !catalog.objects.has(name)) newborn.add(name);
  catalog.learn(statement);
}

function judgeAlter(fields: PgNode, {catalog, newborn}: Context): Finding {
  const table = relationName(fields['relation']);
  if (newborn.has(table)) return compatible('Old code does not know it: it was made in this range.');
  if (fields['objtype'] === 'OBJECT_INDEX') return compatible('Only the index changes.');
  if (
    fields['objtype'] === 'OBJECT_VIEW' &&
    ((fields['cmds'] ?? []) as PgNode[]).every((one) => /RelOptions|ColumnDefault/.test(one['AlterTableCmd']?.subtype))
  )
    return compatible('The view shows the same rows.');
  if (fields['objtype'] === 'OBJECT_TYPE') return judgeComposite(fields);
  return join(
    ((fields['cmds'] ?? []) as Array<{AlterTableCmd: PgNode}>).map(({AlterTableCmd}) =>
      judgeAlterCommand(AlterTableCmd, {table, catalog}),
    ),
  );
}

function judgeComposite(fields: PgNode): Finding {
  const only = ((fields['cmds'] ?? []) as PgNode[]).every((one) => one['AlterTableCmd']?.subtype === 'AT_AddColumn');
  return only
    ? unknown('Old code may write rows of the type with fewer attributes.', 'Use a new type, and move over.')
    : breaking('Old code reads and writes the type as it was.', 'Use a new type, and move over.');
}

function judgeIndex(fields: PgNode, {newborn}: Context): Finding {
  const table = relationName(fields['relation']);
  if (newborn.has(table)) return compatible('Old code does not know the new table.');
  const lock = fields['concurrent']
    ? undefined
    : {
        cost: 'blocks-writes' as const,
        table,
        why: 'Building the index blocks writes',
        instead: 'CREATE INDEX CONCURRENTLY, outside a transaction.',
      };
  if (!fields['unique']) return compatible('An index changes how fast, not what, old code reads.', lock);
  return breaking(
    'Old code may write rows that now collide.',
    'Release code that keeps to it first; make it unique one release later.',
    lock,
  );
}

const renamed: Readonly<Record<string, string>> = {
  OBJECT_TABLE: 'table',
  OBJECT_COLUMN: 'column',
  OBJECT_VIEW: 'view',
  OBJECT_MATVIEW: 'view',
  OBJECT_FUNCTION: 'function',
  OBJECT_PROCEDURE: 'procedure',
  OBJECT_TYPE: 'type',
  OBJECT_DOMAIN: 'type',
  OBJECT_SCHEMA: 'schema',
  OBJECT_SEQUENCE: 'sequence',
  OBJECT_ROLE: 'role',
  OBJECT_DATABASE: 'database',
  OBJECT_ATTRIBUTE: 'attribute',
  OBJECT_FOREIGN_TABLE: 'table',
  OBJECT_AGGREGATE: 'function',
  OBJECT_ROUTINE: 'function',
};

function judgeRename(fields: PgNode, {newborn, catalog}: Context): Finding {
  const kind = fields['renameType'] as string;
  const relation = relationName(fields['relation']);
  if (newborn.has(relation)) return compatible('Old code does not know it: it was made in this range.');
  if (kind === 'OBJECT_INDEX' || kind === 'OBJECT_TRIGGER' || kind === 'OBJECT_POLICY' || kind === 'OBJECT_RULE')
    return compatible('Code does not use this name.');
  if (kind === 'OBJECT_TABCONSTRAINT') {
    const known = catalog.constraints.get(`${relation}.${fields['subname']}`);
    return known === 'check' || known === 'foreign'
      ? compatible('Code does not use this name.')
      : unknown(
          `Old code may name ${fields['subname']} in ON CONFLICT ON CONSTRAINT or in its error handling.`,
          'Rename it one release after the code that no longer names it.',
        );
  }
  const what = renamed[kind];
  if (!what) return unknown(`What is renamed (${kind}) is not known.`, byHand);
  const name = kind === 'OBJECT_COLUMN' ? fields['subname'] : (fields['relation']?.relname ?? fields['subname'] ?? '');
  return breaking(
    `Old code still uses the ${what} under its old name ${name}.`,
    kind === 'OBJECT_COLUMN'
      ? 'Add the new column, write both, move readers over, and drop the old one later.'
      : 'Leave a view (or an alias) under the old name until no running code needs it.',
  );
}

const dropped: Readonly<Record<string, string>> = {
  OBJECT_TABLE: 'table',
  OBJECT_VIEW: 'view',
  OBJECT_MATVIEW: 'view',
  OBJECT_SEQUENCE: 'sequence',
  OBJECT_TYPE: 'type',
  OBJECT_DOMAIN: 'type',
  OBJECT_FUNCTION: 'function',
  OBJECT_PROCEDURE: 'procedure',
  OBJECT_ROUTINE: 'function',
  OBJECT_AGGREGATE: 'function',
  OBJECT_SCHEMA: 'schema',
  OBJECT_EXTENSION: 'extension',
  OBJECT_FOREIGN_TABLE: 'table',
  OBJECT_OPERATOR: 'operator',
  OBJECT_CAST: 'cast',
  OBJECT_COLLATION: 'collation',
};

function judgeDrop(fields: PgNode, {newborn, catalog}: Context): Finding {
  const kind = fields['removeType'] as string;
  const names = ((fields['objects'] ?? []) as unknown[]).map((object) =>
    kind === 'OBJECT_SCHEMA' ? `schema ${(object as PgNode)['String']?.sval}` : objectName(object),
  );
  if (names.length && names.every((name) => newborn.has(name)))
    return compatible('Old code does not know it: it was made in this range.');
  if (kind === 'OBJECT_INDEX') return join(names.map((name) => dropIndex(name, catalog)));
  if (kind === 'OBJECT_STATISTIC_EXT' || kind === 'OBJECT_PUBLICATION') return compatible('Code does not use it.');
  if (kind === 'OBJECT_TRIGGER' || kind === 'OBJECT_RULE' || kind === 'OBJECT_EVENT_TRIGGER')
    return unknown(
      'Old code may lean on what it did.',
      'Drop it one release after the code that no longer leans on it.',
    );
  if (kind === 'OBJECT_POLICY')
    return breaking(
      'Rows that the policy let in disappear for old code.',
      'Drop a policy after no running code needs the rows.',
    );
  const what = dropped[kind];
  if (!what) return unknown(`What is dropped (${kind}) is not known.`, byHand);
  return breaking(
    `Old code may still use the ${what} ${names.join(', ')}.`,
    `Drop the ${what} one release after the code that no longer uses it; take a backup first, for no rollback brings it back.`,
  );
}

function dropIndex(name: string, catalog: Catalog): Finding {
  const known = catalog.indexes.get(name);
  const looksUnique = /(^|[._])(uq|uk|unique)(_|$)|_(key|pkey|unique|uq)$/i.test(name);
  if (known?.unique || (!known && looksUnique))
    return breaking(
      'Old code may lean on it in ON CONFLICT, or on duplicates being refused.',
      'Drop it one release after the code that no longer leans on it.',
    );
  return known || /(^|[._])(ix|idx|index)_|_(ix|idx|index)$/i.test(name)
    ? compatible('An index changes how fast, not what, old code reads.')
    : unknown(
        `Whether ${name} is unique cannot be told: old code may lean on it in ON CONFLICT.`,
        'Keep earlier migrations in the repository, so that it is known, or drop it one release later.',
      );
}

function judgeSequence(fields: PgNode): Finding {
  const options = ((fields['options'] ?? []) as PgNode[]).map((option) => option['DefElem']?.defname as string);
  const harmless = new Set(['owned_by', 'cache', 'maxvalue', 'as']);
  if (options.every((option) => harmless.has(option))) return compatible('Old code draws numbers as before.');
  return unknown(
    'Numbers that old code draws may collide or run out.',
    'Leave room above the highest number that is in use.',
  );
}

function judgeWrite(kind: 'insert' | 'update' | 'delete', fields: PgNode, {newborn}: Context): Finding {
  if (newborn.has(relationName(fields['relation']))) return compatible('Old code does not know the table.');
  if (kind === 'insert' && fields['onConflictClause']?.action !== 'ONCONFLICT_UPDATE')
    return compatible('Rows that exist stay as they are.');
  return unknown(
    'What old code makes of the changed rows cannot be told.',
    'Move data in a release of its own, in a form that both versions read.',
  );
}

const quiet = new Set([
  'setval',
  'set_config',
  'now',
  'pg_advisory_lock',
  'pg_advisory_unlock',
  'pg_advisory_xact_lock',
  'version',
  'current_setting',
  'count',
  'max',
  'min',
  'coalesce',
  'pg_get_serial_sequence',
  'nextval',
  'to_regclass',
  'exists',
]);

/** A SELECT changes nothing but by the functions it calls. */
function judgeSelect(fields: PgNode): Finding {
  if (fields['intoClause']) return compatible('Old code does not know the new table.');
  const called = [...JSON.stringify(fields).matchAll(/"funcname":\[((?:\{"String":\{"sval":"[^"]*"\}\},?)+)\]/g)].map(
    (match) => [...match[1]!.matchAll(/"sval":"([^"]*)"/g)].at(-1)![1]!,
  );
  const foreign = called.filter((name) => !quiet.has(name));
  if (!called.length || called.every((name) => name === 'set_config' || name === 'version'))
    return unchanged('It only reads.');
  return foreign.length
    ? unknown(`The function ${foreign[0]} can do anything; it is not read.`, byHand)
    : compatible('It sets nothing that old code leans on.');
}

import {type Catalog, constraintsOf, typeName} from './catalog.js';
import {breaking, compatible, type Finding, unknown} from './finding.js';
import type {PgNode} from './grammar.js';
import {narrows} from './type-change.js';

/** Each subcommand of ALTER TABLE, by PostgreSQL's own name for it. */
type Rule = (command: PgNode, context: {readonly table: string; readonly catalog: Catalog}) => Finding;

const scan = (table: string, why: string, instead?: string) => ({
  cost: 'blocks-all' as const,
  table,
  why,
  ...(instead && {instead}),
});
const brief = (why: string) => compatible(why);

const rules: Readonly<Record<string, Rule>> = {
  AT_AddColumn: (command, {table}) => addColumn(command['def']?.ColumnDef ?? {}, table),
  AT_DropColumn: (command) =>
    breaking(
      `Old code still names column ${command['name']}.`,
      `Release code that no longer uses ${command['name']} first; drop it one release later.`,
    ),
  AT_ColumnDefault: (command, {table, catalog}) => {
    if (command['def']) return brief('A default changes only rows that do not name the column.');
    const column = catalog.column(table, command['name']);
    return column && !column.notNull && !column.hasDefault
      ? brief('The column had no default.')
      : breaking(
          `Old code may insert without ${command['name']} and lean on its default.`,
          `Keep the default until no running code inserts without ${command['name']}.`,
        );
  },
  AT_SetNotNull: (command, {table}) =>
    breaking(
      `Old code may still write NULL into ${command['name']}.`,
      `Make all code write it, back-fill, and set NOT NULL one release later; add CHECK (${command['name']} IS NOT NULL) NOT VALID and validate it first, so that no long lock is needed.`,
      scan(table, 'SET NOT NULL reads the whole table under an exclusive lock'),
    ),
  AT_DropNotNull: () => brief('Old code goes on writing values; it may meet NULL only in rows that new code wrote.'),
  AT_AlterColumnType: (command, context) => changeType(command, context),
  AT_AddConstraint: (command, {table}) => addConstraint(command['def']?.Constraint ?? {}, table),
  AT_AddIndexConstraint: () =>
    breaking(
      'Old code may write duplicates, which are refused from now on.',
      'Add the constraint one release after the code that keeps to it.',
    ),
  AT_DropConstraint: (command, {table, catalog}) => dropConstraint(command['name'], table, catalog),
  AT_ValidateConstraint: (_, {table}) =>
    compatible('The constraint held for new rows already.', {
      cost: 'brief',
      table,
      why: 'VALIDATE reads the table without blocking writes',
    }),
  AT_AlterConstraint: () => brief('When a foreign key is checked changes, not what it allows.'),
  AT_SetStatistics: () => brief('Only the planner sees it.'),
  AT_SetOptions: () => brief('Only the planner sees it.'),
  AT_ResetOptions: () => brief('Only the planner sees it.'),
  AT_SetStorage: () => brief('Only storage changes.'),
  AT_SetCompression: () => brief('Only storage changes.'),
  AT_SetRelOptions: () => brief('Only storage changes.'),
  AT_ResetRelOptions: () => brief('Only storage changes.'),
  AT_ClusterOn: () => brief('Only the order on disk changes.'),
  AT_DropCluster: () => brief('Only the order on disk changes.'),
  AT_SetLogged: (_, {table}) =>
    compatible('What the table holds does not change.', {
      cost: 'rewrites',
      table,
      why: 'SET LOGGED writes the whole table again',
    }),
  AT_SetUnLogged: (_, {table}) =>
    compatible('What the table holds does not change.', {
      cost: 'rewrites',
      table,
      why: 'SET UNLOGGED writes the whole table again',
    }),
  AT_SetTableSpace: (_, {table}) =>
    compatible('What the table holds does not change.', {
      cost: 'rewrites',
      table,
      why: 'The table is copied to the other tablespace under an exclusive lock',
    }),
  AT_SetAccessMethod: (_, {table}) =>
    compatible('What the table holds does not change.', {
      cost: 'rewrites',
      table,
      why: 'The whole table is written again',
    }),
  AT_ReplicaIdentity: () => brief('Only replication sees it.'),
  AT_AddIdentity: () =>
    breaking(
      'Old code that names the column in an INSERT may be refused or collide with the sequence.',
      'Let new code stop naming the column first, then add the identity.',
    ),
  AT_SetIdentity: () =>
    unknown(
      'It depends on whether old code names the column in an INSERT.',
      'Change an identity one release after the code that no longer names the column.',
    ),
  AT_DropIdentity: () =>
    breaking(
      'Old code inserts without the column and leans on its identity.',
      'Keep the identity until no running code leans on it.',
    ),
  AT_SetExpression: (_, {table}) =>
    unknown(
      'The generated value changes its meaning for old code.',
      'Add a second generated column and move readers over.',
      {cost: 'rewrites', table, why: 'The whole table is written again'},
    ),
  AT_DropExpression: () =>
    breaking(
      'Old code leans on the value being generated; from now on it stays as it is.',
      'Keep the expression until no running code leans on it.',
    ),
  AT_ChangeOwner: () =>
    unknown(
      'Old code may connect as a role that loses its rights with the ownership.',
      'Grant the rights that running code needs before the owner changes.',
    ),
  AT_EnableRowSecurity: () =>
    breaking(
      'Rows without a policy that lets old code in disappear for it.',
      'Create policies that let running code in before row security is switched on.',
    ),
  AT_ForceRowSecurity: () =>
    breaking(
      'Row security now also binds the owner, as which old code may connect.',
      'Create policies that let running code in first.',
    ),
  AT_DisableRowSecurity: () => brief('Old code sees at least what it saw.'),
  AT_NoForceRowSecurity: () => brief('Old code sees at least what it saw.'),
  AT_AttachPartition: (_, {table}) =>
    compatible('Rows come in, none goes.', {
      cost: 'brief',
      table,
      why: 'The partition is read once unless a matching CHECK exists',
    }),
  AT_DetachPartition: () =>
    breaking('The rows of the partition disappear for old code.', 'Detach after running code no longer needs them.'),
  AT_DetachPartitionFinalize: () =>
    breaking('The rows of the partition disappear for old code.', 'Detach after running code no longer needs them.'),
  AT_AddInherit: () =>
    unknown(
      'Rows of the child now show up in queries on the parent.',
      'Check the queries of running code on the parent.',
    ),
  AT_DropInherit: () =>
    breaking(
      'Rows of the child disappear from queries on the parent.',
      'Do it after running code no longer needs them.',
    ),
};

const triggers = /^AT_(Enable|Disable)(Always|Replica)?(Trig|Rule)/;

export function judgeAlterCommand(
  command: PgNode,
  context: {readonly table: string; readonly catalog: Catalog},
): Finding {
  const subtype = command['subtype'] as string;
  if (triggers.test(subtype))
    return unknown(
      'What a trigger or rule does for old code cannot be read from this statement.',
      'Switch triggers together with the code that needs them, in a release of its own.',
    );
  const rule = rules[subtype];
  return rule
    ? rule(command, context)
    : unknown(`${subtype} is not a change this version knows.`, 'Judge it by hand and override the verdict by name.');
}

function addColumn(definition: PgNode, table: string): Finding {
  const constraints = constraintsOf(definition);
  const has = (kind: string) => constraints.some((constraint) => constraint['contype'] === kind);
  const type = typeName(definition['typeName']);
  const fills = has('CONSTR_DEFAULT') || has('CONSTR_GENERATED') || has('CONSTR_IDENTITY') || /serial/.test(type);
  const name = definition['colname'];
  if ((has('CONSTR_NOTNULL') || has('CONSTR_PRIMARY')) && !fills)
    return breaking(
      `Old code inserts rows without ${name}, which is NOT NULL and has no default.`,
      `Add ${name} with a default, or without NOT NULL, and tighten it one release later.`,
    );
  if ((has('CONSTR_UNIQUE') || has('CONSTR_PRIMARY')) && has('CONSTR_DEFAULT') && !volatileDefault(constraints))
    return breaking(
      `Rows of old code all get the same default in ${name}, which must be unique.`,
      `Add ${name} without a default, or with one that differs by row.`,
    );
  const rewrites =
    has('CONSTR_GENERATED') ||
    has('CONSTR_IDENTITY') ||
    /serial/.test(type) ||
    (has('CONSTR_DEFAULT') && volatileDefault(constraints));
  return compatible(
    `Old code does not name ${name} and gets its default or NULL.`,
    rewrites
      ? {
          cost: 'rewrites',
          table,
          why: 'A default that differs by row writes the whole table again',
          instead: 'Add the column without a default, back-fill in batches, then set the default.',
        }
      : undefined,
  );
}

/** A constant default is stored once; a function call may give each row its own value. */
function volatileDefault(constraints: readonly PgNode[]): boolean {
  const expression = constraints.find((constraint) => constraint['contype'] === 'CONSTR_DEFAULT')?.['raw_expr'];
  const stable = /"sval":"(now|current_timestamp|transaction_timestamp|statement_timestamp)"/;
  const text = JSON.stringify(expression ?? {});
  return /FuncCall/.test(text) && !stable.test(text);
}

function addConstraint(constraint: PgNode, table: string): Finding {
  const later =
    'Release code that keeps to it first; add the constraint one release later, as NOT VALID, and validate it separately.';
  const held = constraint['skip_validation']
    ? undefined
    : scan(
        table,
        'The constraint reads the whole table under a lock',
        'Add it as NOT VALID and validate it separately.',
      );
  switch (constraint['contype']) {
    case 'CONSTR_CHECK':
      return breaking('Old code may write rows that the check refuses, NOT VALID or not.', later, held);
    case 'CONSTR_FOREIGN':
      return breaking(
        'Old code may write rows without their parent, or delete parents that are now needed.',
        later,
        held && {...held, cost: 'blocks-writes'},
      );
    case 'CONSTR_UNIQUE':
    case 'CONSTR_PRIMARY':
    case 'CONSTR_EXCLUSION':
      return breaking(
        'Old code may write rows that now collide.',
        later,
        scan(
          table,
          'Building the index blocks the table',
          'CREATE UNIQUE INDEX CONCURRENTLY, then ADD CONSTRAINT … USING INDEX.',
        ),
      );
    case 'CONSTR_NOTNULL':
      return breaking('Old code may still write NULL.', later, held);
    default:
      return unknown('This kind of constraint is not known.', 'Judge it by hand and override the verdict by name.');
  }
}

function dropConstraint(name: string, table: string, catalog: Catalog): Finding {
  const kind = catalog.constraints.get(`${table}.${name}`) ?? kindByName(name);
  if (kind === 'check' || kind === 'foreign' || kind === 'not-null' || kind === 'exclude')
    return compatible('What old code was allowed to write it still is.');
  if (kind === 'unique' || kind === 'primary')
    return breaking(
      `Old code may lean on ${name} in ON CONFLICT, or on duplicates being refused.`,
      'Drop it one release after the code that no longer leans on it.',
    );
  return unknown(
    `What ${name} is cannot be told: if it is unique, old code may lean on it in ON CONFLICT.`,
    'Keep earlier migrations in the repository, so that its kind is known, or drop it one release later.',
  );
}

/** The names that PostgreSQL itself gives. */
function kindByName(name: string): 'check' | 'foreign' | 'unique' | 'primary' | undefined {
  if (/_fkey\d*$/.test(name) || /^fk_/.test(name)) return 'foreign';
  if (/_check\d*$/.test(name) || /^(ck|chk)_/.test(name)) return 'check';
  if (/_pkey$/.test(name) || /^pk_/.test(name)) return 'primary';
  if (/_key\d*$/.test(name) || /^(uq|uk)_/.test(name)) return 'unique';
  return undefined;
}

function changeType(command: PgNode, {table, catalog}: {readonly table: string; readonly catalog: Catalog}): Finding {
  const definition = command['def']?.ColumnDef ?? {};
  const to = typeName(definition['typeName']);
  const from = catalog.column(table, command['name'])?.type;
  const instead = `Add a column of the new type, write both, move readers over, and drop ${command['name']} later.`;
  const rewrite = {
    cost: 'rewrites' as const,
    table,
    why: 'The whole table is written again under an exclusive lock',
    instead,
  };
  if (from === undefined)
    return unknown(
      `The type of ${command['name']} before is not known, so whether ${to} takes what old code writes cannot be told.`,
      instead,
      rewrite,
    );
  if (!narrows(from, to) && !definition['raw_default'])
    return compatible(`${to} takes and gives everything that ${from} did.`);
  return breaking(
    `Old code reads and writes ${command['name']} as ${from}; as ${to} values may be refused or come back different.`,
    instead,
    rewrite,
  );
}

import {
  addColumn,
  addIdentity,
  type CommandRule,
  changeDefault,
  changeType,
  dropColumn,
  setNotNull,
} from './column-change.js';
import {addConstraint, dropConstraint} from './constraint-change.js';
import type {Context} from './context.js';
import {breaking, compatible, type Finding, unknown} from './finding.js';
import type {PgNode} from './grammar.js';
import {relationName} from './names.js';

const calm =
  (why: string): CommandRule =>
  () =>
    compatible(why);
const rewritten =
  (why: string): CommandRule =>
  (_, table) =>
    compatible('What the table holds does not change.', {cost: 'rewrites', table, why});
const detached: CommandRule = () =>
  breaking('The rows of the partition disappear for old code.', 'Detach after running code no longer needs them.');

/** Each subcommand of ALTER TABLE, by PostgreSQL's own name for it. */
const rules: Readonly<Record<string, CommandRule>> = {
  AT_AddColumn: addColumn,
  AT_DropColumn: dropColumn,
  AT_ColumnDefault: changeDefault,
  AT_SetNotNull: setNotNull,
  AT_DropNotNull: calm('Old code goes on writing values; it may meet NULL only in rows that new code wrote.'),
  AT_AlterColumnType: changeType,
  AT_AddConstraint: addConstraint,
  AT_DropConstraint: dropConstraint,
  AT_ValidateConstraint: (_, table) =>
    compatible('The constraint held for new rows already.', {
      cost: 'brief',
      table,
      why: 'VALIDATE reads the table without blocking writes',
    }),
  AT_AlterConstraint: (command) =>
    command['def']?.ATAlterConstraint?.alterEnforceability && command['def'].ATAlterConstraint.is_enforced
      ? breaking(
          'Old code may write rows that the constraint refuses from now on.',
          'Enforce it one release after the code that keeps to it.',
        )
      : compatible('It allows at least what it did.'),
  AT_SetStatistics: calm('Only the planner sees it.'),
  AT_SetOptions: calm('Only the planner sees it.'),
  AT_ResetOptions: calm('Only the planner sees it.'),
  AT_SetStorage: calm('Only storage changes.'),
  AT_SetCompression: calm('Only storage changes.'),
  AT_SetRelOptions: calm('Only storage changes.'),
  AT_ResetRelOptions: calm('Only storage changes.'),
  AT_ClusterOn: calm('Only the order on disk changes.'),
  AT_DropCluster: calm('Only the order on disk changes.'),
  AT_SetLogged: rewritten('SET LOGGED writes the whole table again'),
  AT_SetUnLogged: rewritten('SET UNLOGGED writes the whole table again'),
  AT_SetTableSpace: rewritten('The table is copied to the other tablespace under an exclusive lock'),
  AT_SetAccessMethod: rewritten('The whole table is written again'),
  AT_ReplicaIdentity: (command) =>
    command['def']?.ReplicaIdentityStmt?.identity_type === 'n'
      ? unknown(
          'In a publication without an identity, updates and deletes of old code are refused.',
          'Keep an identity for published tables.',
        )
      : compatible('Only replication sees it.'),
  AT_AddIdentity: addIdentity,
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
  AT_SetExpression: (_, table) =>
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
  AT_DisableRowSecurity: calm('Old code sees at least what it saw.'),
  AT_NoForceRowSecurity: calm('Old code sees at least what it saw.'),
  AT_AttachPartition: (command, table, context) => attach(command['def']?.PartitionCmd ?? {}, table, context),
  AT_DetachPartition: detached,
  AT_DetachPartitionFinalize: detached,
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

function attach(partition: PgNode, table: string, {newborn}: Context): Finding {
  return newborn.hasRelation(partition['name'])
    ? compatible('The partition is new: rows come in, none goes.', {
        cost: 'brief',
        table,
        why: 'The partition is read once unless a matching CHECK exists',
      })
    : unknown(
        `Old code that writes to ${relationName(partition['name'])} itself is bound to the limits of the partition from now on.`,
        'Attach new tables, or do it one release after the code that writes through the parent.',
      );
}

const triggers = /^AT_(Enable|Disable)(Always|Replica)?(Trig|Rule)/;

/** Judges one subcommand of ALTER TABLE about a table that old code knows. */
export function judgeAlterCommand(command: PgNode, table: string, context: Context): Finding {
  const subtype = command['subtype'] as string;
  if (triggers.test(subtype))
    return unknown(
      'What a trigger or rule does for old code cannot be read from this statement.',
      'Switch triggers together with the code that needs them, in a release of its own.',
    );
  const rule = rules[subtype];
  return rule
    ? rule(command, table, context)
    : unknown(`${subtype} is not a change this version knows.`, 'Judge it by hand and override the verdict by name.');
}

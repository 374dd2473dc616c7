import {formatDuration} from '../kernel/duration.js';
import {cell, code, table} from './text.js';

export interface ShownRebuildPlan {
  readonly resumed: boolean;
  readonly since: string;
  readonly release: string;
  readonly commit: string;
  readonly set: string;
  readonly identity: string;
}

/** What the steps that follow are going to do. */
export function rebuildPlanSummary(plan: ShownRebuildPlan): string {
  return [
    `## 🏗️ Rebuild into an empty project${plan.resumed ? ', going on where a run stopped' : ''}`,
    '',
    table(
      ['what', 'which'],
      [
        ['damage since', cell(plan.since)],
        ['project', code(plan.identity)],
        ['configuration and database from the set', code(plan.set)],
        ['code', `${code(plan.release)} (commit ${code(plan.commit.slice(0, 7))})`],
      ],
    ),
    '',
  ].join('\n');
}

/** What people have to change themselves. */
export interface LeftToDo {
  readonly what: string;
  readonly how: string;
}

export interface ShownRebuild {
  readonly set: string;
  readonly service: string;
  readonly url: string;
  readonly database: {readonly database: string; readonly restored?: unknown};
  readonly databaseService: string;
  readonly repointed: readonly string[];
  /** Variables whose address of the lost database became a reference. */
  readonly redirected: readonly string[];
  readonly records: ReadonlyArray<{
    readonly host: string;
    readonly type: string;
    readonly name: string;
    readonly value: string;
    readonly verified: boolean;
  }>;
  readonly durationMs: Readonly<Record<string, number>>;
  readonly left: readonly LeftToDo[];
}

export function rebuiltLines(shown: ShownRebuild): string[] {
  const {set, service, url, database, databaseService, repointed, redirected, records, left} = shown;
  return [
    `Database ${database.database} in ${databaseService} ${database.restored ? 'was restored from' : 'was in place already, from'} the set ${set}.`,
    `The service ${service} has the settings and variables of that set and the address ${url}; it is deployed by the next step.`,
    ...(redirected.length ? [`${redirected.join(', ')} of ${service} now refer to ${databaseService}.`] : []),
    repointed.length
      ? `The frontend's ${repointed.join(', ')} name the new address; what is built from now on calls it.`
      : 'The address of the backend is as it was, or the frontend has no variable for it: none was changed.',
    ...records
      .filter(({verified}) => !verified)
      .map(({host, type, name, value}) => `DNS of ${host}: set ${type} ${name} to ${value}.`),
    ...left.map(({what, how}) => `Left for you, once the product is open: ${what}: ${how}.`),
  ];
}

export function rebuiltSummary(shown: ShownRebuild): string {
  const {set, service, url, database, databaseService, repointed, redirected, records, durationMs, left} = shown;
  return [
    '## 🏗️ Backend and database are made again',
    '',
    table(
      ['what', 'as it is now'],
      [
        ['database', `${code(database.database)} in the service ${code(databaseService)}, from the set ${code(set)}`],
        ['backend', `${code(service)}, at ${cell(url)}`],
        ...(redirected.length ? [['variables that now refer to it', cell(redirected.join(', '))]] : []),
        ['variables of the frontend with the new address', cell(repointed.join(', ') || 'none')],
        [
          'time',
          Object.entries(durationMs)
            .filter(([, ms]) => ms >= 100)
            .map(([part, ms]) => `${part} ${formatDuration(ms)}`)
            .join(', '),
        ],
      ],
    ),
    '',
    ...(records.length
      ? [
          table(
            ['domain', 'record', 'name', 'value', 'seen'],
            records.map(({host, type, name, value, verified}) => [
              cell(host),
              cell(type),
              code(name),
              code(value),
              verified ? '✅' : 'not yet',
            ]),
          ),
          '',
        ]
      : []),
    '**Left for you, once the product is open:**',
    '',
    table(
      ['change', 'to'],
      left.map(({what, how}) => [code(what), cell(how)]),
    ),
    '',
  ].join('\n');
}

import {formatDuration} from '../kernel/duration.js';
import {cell, table} from './text.js';

/** A service as the summary shows it. */
export interface WatchedService {
  readonly name: string;
  readonly condition: string;
  readonly availability: number | null;
  readonly budgetLeft: number | null;
  readonly latencyMs: number | null;
  readonly detail: string | null;
}

export interface MonitorFigures {
  readonly rounds: number;
  readonly tookMs: number;
  readonly blindMs: number;
  readonly damaged: number;
  readonly openIncidents: ReadonlyArray<{readonly id: string; readonly title: string; readonly sinceMs: number}>;
  readonly freshness: readonly string[];
  readonly nowMs: number;
}

const marks: Readonly<Record<string, string>> = {up: '🟢', degraded: '🟠', down: '🔴'};

/** The job summary of a monitor run; foreign text is escaped. */
export function monitorSummary(services: readonly WatchedService[], figures: MonitorFigures): string {
  const percent = (share: number | null, digits: number) =>
    share === null ? 'unknown' : `${(share * 100).toFixed(digits)} %`;
  const notes = [
    ...(figures.blindMs > 0
      ? [`Nobody looked for ${formatDuration(figures.blindMs)} before this run; that time is shown as unknown.`]
      : []),
    ...(figures.damaged > 0 ? [`${figures.damaged} damaged lines of the history were left out.`] : []),
    ...figures.freshness.map((sentence) => cell(sentence)),
  ];
  return [
    '### Monitor',
    '',
    table(
      ['service', 'state', 'available', 'error budget left', 'response, median of the last hour', 'detail'],
      services.map((service) => [
        cell(service.name),
        `${marks[service.condition] ?? '⚪'} ${cell(service.condition)}`,
        percent(service.availability, 3),
        percent(service.budgetLeft, 0),
        service.latencyMs === null ? '' : `${service.latencyMs} ms`,
        cell(service.detail ?? ''),
      ]),
    ),
    '',
    ...(figures.openIncidents.length
      ? [
          '**Open incidents**',
          '',
          ...figures.openIncidents.map(
            ({id, title, sinceMs}) => `- ${cell(title)}, for ${formatDuration(figures.nowMs - sinceMs)} (${cell(id)})`,
          ),
          '',
        ]
      : []),
    ...notes.map((note) => `- ${note}`),
    '',
    `${figures.rounds} ${figures.rounds === 1 ? 'round' : 'rounds'} in ${formatDuration(figures.tookMs)}.`,
  ].join('\n');
}

/** One round as its log line tells of it. */
export interface RoundTold {
  readonly round: {
    readonly kind: string;
    readonly results: ReadonlyMap<string, {readonly outcome: string}>;
  };
  readonly details: ReadonlyMap<string, string>;
  readonly confirmRounds: number;
  readonly transitions: ReadonlyArray<{readonly service: string; readonly to: string}>;
  readonly dispatched: {readonly sent: readonly unknown[]; readonly failed: readonly unknown[]};
}

const mostNamed = 3;

/** `4 services, 1 failed (checkout: expected 200, got 503), 5 closer looks; checkout is down; 3 messages sent`. */
export function stepLine({round, details, confirmRounds, transitions, dispatched}: RoundTold): string {
  const of = (outcome: string) => [...round.results].filter(([, result]) => result.outcome === outcome);
  const [failed, unusable] = [of('failed'), of('unusable')];
  const named = failed.slice(0, mostNamed).map(([name]) => `${name}: ${details.get(name) || 'no detail'}`);
  const more = failed.length > mostNamed ? ` and ${failed.length - mostNamed} more` : '';
  const parts = [
    `${count(round.results.size, 'service')}, ${failed.length ? `${failed.length} failed (${named.join('; ')}${more})` : 'all well'}`,
    ...(unusable.length ? [`${unusable.length} could not be measured`] : []),
    ...(confirmRounds ? [count(confirmRounds, 'closer look')] : []),
    ...(round.kind === 'void' ? ['void: the monitor itself was cut off'] : []),
  ];
  const news = [
    ...transitions.map(({service, to}) => `${service} is ${to}`),
    ...(dispatched.sent.length ? [`${count(dispatched.sent.length, 'message')} sent`] : []),
    ...(dispatched.failed.length ? [`${count(dispatched.failed.length, 'message')} could not be sent`] : []),
  ];
  return [parts.join(', '), ...news].join('; ');
}

function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? '' : 's'}`;
}

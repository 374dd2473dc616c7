import {formatDuration} from '../kernel/duration.js';
import {cell, table} from './text.js';

/** A service as the summary shows it. */
export interface WatchedService {
  readonly name: string;
  readonly condition: string;
  readonly availability: number | null;
  readonly budgetLeft: number | null;
  readonly latencyMs: number | null;
  /** Median response times of the last day in even steps, oldest first; null where nobody looked. */
  readonly spark: ReadonlyArray<number | null>;
  readonly detail: string | null;
}

export interface OpenIncident {
  readonly id: string;
  readonly title: string;
  readonly sinceMs: number;
  readonly suspect: string | null;
}

export interface StandingFact {
  readonly name: string;
  readonly state: string;
  readonly shown: string;
  readonly limit: string;
}

export interface MonitorFigures {
  readonly rounds: number;
  readonly tookMs: number;
  readonly blindMs: number;
  readonly damaged: number;
  readonly openIncidents: readonly OpenIncident[];
  readonly facts: readonly StandingFact[];
  readonly sent: number;
  readonly nowMs: number;
}

const marks: Readonly<Record<string, string>> = {up: '🟢', degraded: '🟠', down: '🔴'};
const factMarks: Readonly<Record<string, string>> = {fresh: '🟢', late: '🟠', never: '🔴'};
const worst = ['down', 'degraded', 'up'];
const mostNamed = 3;
/** A summary is read, and GitHub cuts it at a megabyte. */
const mostRows = 50;

/** The job summary of a monitor run: how it is, what to do now, then the figures. Foreign text is escaped. */
export function monitorSummary(services: readonly WatchedService[], figures: MonitorFigures): string {
  const sorted = [...services].sort((a, b) => worst.indexOf(a.condition) - worst.indexOf(b.condition));
  const left = sorted.length - mostRows;
  return [
    `### ${headline(sorted)}`,
    '',
    ...incidentLines(figures),
    table(
      ['service', 'state', 'available', 'error budget left', 'response, last hour', 'last 24 h', 'detail'],
      sorted.slice(0, mostRows).map(serviceRow),
    ),
    ...(left > 0 ? ['', `${left} more are not shown here; the status page has them all.`] : []),
    ...factTable(figures.facts),
    '',
    ...noteLines(figures),
  ].join('\n');
}

function headline(sorted: readonly WatchedService[]): string {
  const of = (condition: string) => sorted.filter((service) => service.condition === condition);
  const [down, slow] = [of('down'), of('degraded')];
  const names = (some: readonly WatchedService[]) =>
    some.length > mostNamed ? `${some.length} services` : some.map(({name}) => cell(name, 60)).join(', ');
  const are = (some: readonly WatchedService[]) => (some.length === 1 ? 'is' : 'are');
  if (down.length) return `🔴 ${names(down)} ${are(down)} down${slow.length ? `, ${names(slow)} slow` : ''}`;
  if (slow.length) return `🟠 ${names(slow)} ${are(slow)} slower than agreed`;
  return `🟢 ${sorted.length === 1 ? 'The service is' : `All ${sorted.length} services are`} up`;
}

function incidentLines({openIncidents, nowMs}: MonitorFigures): string[] {
  if (openIncidents.length === 0) return [];
  const lines = openIncidents.map(({id, title, sinceMs, suspect}) => {
    const after = suspect ? `, after release \`${cell(suspect, 80)}\`` : '';
    return `- **${cell(title)}** for ${formatDuration(nowMs - sinceMs)}${after} (${cell(id)})`;
  });
  const suspects = openIncidents.filter(({suspect}) => suspect);
  const next = suspects.length
    ? ['', 'Next: when that release is the cause, run the rollback workflow with `to: previous`.']
    : [];
  return [...lines, ...next, ''];
}

function serviceRow(service: WatchedService): string[] {
  return [
    cell(service.name),
    `${marks[service.condition] ?? '⚪'} ${cell(service.condition)}`,
    percent(service.availability, 3),
    service.budgetLeft !== null && service.budgetLeft < 0 ? 'overdrawn' : percent(service.budgetLeft, 0),
    service.latencyMs === null ? '' : `${service.latencyMs} ms`,
    sparkline(service.spark),
    cell(service.detail ?? ''),
  ];
}

function percent(share: number | null, digits: number): string {
  return share === null ? 'unknown' : `${(share * 100).toFixed(digits)} %`;
}

/** `▂▂▃█ ▂`: one column for two points, a gap where nobody looked. */
export function sparkline(values: ReadonlyArray<number | null>): string {
  const pairs = values.flatMap((value, i) => (i % 2 ? [] : [[value, values[i + 1] ?? null]]));
  const points = pairs.map((pair) => Math.max(-1, ...pair.map((value) => value ?? -1)));
  const top = Math.max(...points);
  if (top <= 0) return '';
  return points.map((point) => (point < 0 ? ' ' : '▁▂▃▄▅▆▇█'[Math.min(7, Math.floor((point / top) * 8))])).join('');
}

function factTable(facts: readonly StandingFact[]): string[] {
  if (facts.length === 0) return [];
  const rows = facts.map(({name, state, shown, limit}) => [
    cell(name),
    `${factMarks[state] ?? '⚪'} ${cell(shown)}`,
    cell(limit),
  ]);
  return ['', table(['way back', 'now', 'wanted'], rows)];
}

function noteLines({rounds, tookMs, sent, blindMs, damaged}: MonitorFigures): string[] {
  return [
    `${count(rounds, 'round')} in ${formatDuration(tookMs)}, ${count(sent, 'message')} sent.`,
    ...(blindMs > 0
      ? [`Nobody looked for ${formatDuration(blindMs)} before this run; that time is shown as unknown.`]
      : []),
    ...(damaged > 0
      ? [`${count(damaged, 'damaged line')} of the history ${damaged === 1 ? 'was' : 'were'} left out.`]
      : []),
  ];
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

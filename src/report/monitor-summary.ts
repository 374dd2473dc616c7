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

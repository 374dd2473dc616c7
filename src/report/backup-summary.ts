import {formatBytes} from '../kernel/bytes.js';
import {formatDuration} from '../kernel/duration.js';
import {cell, code, codeBlock, table} from './text.js';

/** What the summary of a backup shows; plain data, so that this file stays pure. */
export interface BackupFigures {
  readonly id: string;
  readonly location: string;
  readonly manifestKey: string;
  readonly reused: boolean;
  readonly durationMs: number;
  readonly parts: ReadonlyArray<{
    readonly name: string;
    readonly plaintextBytes: number;
    readonly storedBytes: number;
    readonly durationMs: number;
  }>;
  readonly database?: {
    readonly name: string;
    readonly serverVersion: string;
    readonly clientVersion: string;
    readonly tables: number | undefined;
    readonly rows: number | undefined;
  };
  readonly checks: Readonly<Record<string, string>>;
  readonly recipients: readonly string[];
  readonly warnings: readonly string[];
  readonly byHand: readonly string[];
}

/** Markdown for the job summary. */
export function backupSummary(figures: BackupFigures): string {
  const {database} = figures;
  return [
    `## ✅ Backup ${figures.reused ? 'reused' : 'sealed'}: ${code(figures.id)}`,
    '',
    `In ${code(`${figures.location}/${figures.manifestKey}`, 300)}, ${figures.reused ? 'made earlier' : `in ${formatDuration(figures.durationMs)}`}.`,
    '',
    table(['part', 'before encryption', 'stored', 'took', 'rate'], figures.parts.map(partRow)),
    '',
    ...(database
      ? [
          `Database ${code(database.name)}, PostgreSQL ${cell(database.serverVersion)} by pg_dump ${cell(database.clientVersion)}${database.tables === undefined ? '' : `: ${database.tables} tables, ${database.rows} rows`}.`,
          '',
        ]
      : []),
    `Checks: ${Object.entries(figures.checks)
      .map(([name, state]) => `${cell(name)} ${cell(state)}`)
      .join(', ')}. Opens with: ${figures.recipients.map((fingerprint) => code(fingerprint)).join(', ')}.`,
    '',
    ...figures.warnings.map((warning) => `> ${cell(warning)}`),
    ...(figures.warnings.length ? [''] : []),
    '<details><summary>Open it without this software</summary>',
    '',
    codeBlock(figures.byHand.join('\n')),
    '',
    '</details>',
  ].join('\n');
}

function partRow({name, plaintextBytes, storedBytes, durationMs}: BackupFigures['parts'][number]): string[] {
  const rate = durationMs > 0 ? `${formatBytes(Math.round(storedBytes / (durationMs / 1_000)))}/s` : '-';
  return [cell(name), formatBytes(plaintextBytes), formatBytes(storedBytes), formatDuration(durationMs), rate];
}

import {formatBytes} from '../kernel/bytes.js';
import {formatDuration} from '../kernel/duration.js';
import {cell, code, table} from './text.js';

/** What became of the copies in the second store; plain data. */
export interface CopyFigures {
  readonly location: string;
  readonly copied: ReadonlyArray<{
    readonly id: string;
    readonly bytes: number;
    readonly reusedBytes: number;
    readonly durationMs: number;
  }>;
  readonly failed: ReadonlyArray<{readonly id: string; readonly why: string}>;
  readonly waiting: readonly string[];
  /** Why nothing could be copied at all. */
  readonly why?: string | undefined;
}

/** Markdown for the job summary. */
export function copySummary({location, copied, failed, waiting, why}: CopyFigures): string {
  const isRight = failed.length === 0 && why === undefined;
  return [
    `#### ${isRight ? '✅' : '❌'} Second store: ${code(location, 200)}`,
    '',
    ...(copied.length
      ? [
          table(
            ['copied', 'stored', 'of it there before', 'took'],
            copied.map(({id, bytes, reusedBytes, durationMs}) => [
              code(id),
              formatBytes(bytes),
              reusedBytes ? formatBytes(reusedBytes) : '',
              formatDuration(durationMs),
            ]),
          ),
          '',
        ]
      : []),
    ...(isRight && !copied.length && !waiting.length ? ['Nothing was missing there.', ''] : []),
    ...(why === undefined ? [] : [`> ${cell(why)}`, '']),
    ...failed.map(({id, why: reason}) => `> ${code(id)} is not there: ${cell(reason)}`),
    ...(waiting.length ? [`Missing and left to the next run: ${waiting.map((id) => code(id)).join(', ')}`] : []),
  ].join('\n');
}

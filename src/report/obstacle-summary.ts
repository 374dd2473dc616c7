import {cell, code, table} from './text.js';

export interface ShownObstacle {
  readonly verdict: string;
  readonly release: string;
  readonly set: string | undefined;
  readonly sentence: string;
  readonly sides: ReadonlyArray<{readonly component: string; readonly outcome: string; readonly seen: string}>;
  readonly left: readonly string[];
}

/** Why the automatic rollback stopped at maintenance mode, and what a person can do now. */
export function obstacleSummary(shown: ShownObstacle): string {
  return [
    '## 🚧 Stopped at maintenance mode: the schema has moved on',
    '',
    `**${cell(shown.sentence, 600)}** The verdict on the migrations of ${code(shown.release)} is ${cell(shown.verdict)}, so nothing old was started on the new schema.`,
    '',
    table(
      ['side', 'maintenance', 'what users get'],
      shown.sides.map((side) => [side.component, cell(side.outcome), cell(side.seen)]),
    ),
    '',
    `Set taken before this release: ${shown.set ? code(shown.set) : 'none is known'}`,
    '',
    '### Choose one',
    '',
    ...shown.left.map((line, index) => `${index + 1}. ${cell(line, 800)}`),
    '',
  ].join('\n');
}

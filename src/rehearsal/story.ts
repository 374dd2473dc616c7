import {styleText} from 'node:util';
import {formatDuration} from '../kernel/duration.js';

/** Prints what happens, for people as a timeline or for programs as one JSON object a line. */
export interface Story {
  /** A heading; starts the clock of the timeline anew. */
  chapter(title: string, facts: Record<string, unknown>): void;
  event(kind: 'begin' | 'ok' | 'bad' | 'note' | 'detail', text: string, facts?: Record<string, unknown>): void;
  /** The last word on a scenario. */
  result(facts: Record<string, unknown>, lines: ReadonlyArray<readonly [ok: boolean, text: string]>): void;
}

type Style = Parameters<typeof styleText>[0];
const looks: Record<string, readonly [mark: string, style: Style]> = {
  begin: ['▶', 'cyan'],
  ok: ['✔', 'green'],
  bad: ['✖', 'red'],
  note: ['●', 'yellow'],
  detail: ['·', 'dim'],
};

export function openStory(options: {
  readonly json: boolean;
  readonly write: (line: string) => void;
  readonly now?: () => number;
  readonly color?: boolean;
}): Story {
  const now = options.now ?? Date.now;
  let startMs = now();
  if (options.json) {
    const put = (facts: object) => options.write(JSON.stringify(facts));
    return {
      chapter: (title, facts) => {
        startMs = now();
        put({event: 'chapter', title, ...facts});
      },
      event: (kind, text, facts = {}) => put({event: kind, at_ms: now() - startMs, text, ...facts}),
      result: (facts) => put(facts),
    };
  }
  const paint = (style: Style, text: string) => (options.color ? styleText(style, text) : text);
  return {
    chapter: (title) => {
      startMs = now();
      options.write(`\n${paint('bold', title)}`);
    },
    event: (kind, text) => {
      const [mark, style] = looks[kind]!;
      const at = `${((now() - startMs) / 1_000).toFixed(1)} s`.padStart(8);
      options.write(`${paint('dim', at)}  ${paint(style, mark)} ${kind === 'detail' ? paint('dim', text) : text}`);
    },
    result: (facts, lines) => {
      for (const [ok, text] of lines) options.write(`          ${paint(ok ? 'green' : 'red', ok ? '✔' : '✖')} ${text}`);
      const ok = facts['ok'] === true;
      options.write(
        paint(
          ok ? ['green', 'bold'] : ['red', 'bold'],
          `  ${facts['scenario']}: ${ok ? 'as expected' : 'NOT as expected'} (${facts['outcome']}) in ${formatDuration(now() - startMs)}`,
        ),
      );
    },
  };
}

/** Which release served users over time, as one strip: each column a slice of time, a letter a version, `✖` when any answer was bad. */
export function strip(
  visits: ReadonlyArray<{readonly atMs: number; readonly version: string; readonly ok: boolean}>,
  width = 72,
): string {
  if (visits.length === 0) return '(no requests)';
  const first = visits[0]!.atMs;
  const spanMs = Math.max(1, visits[visits.length - 1]!.atMs - first);
  const columns = Array.from({length: width}, () => ({bad: false, version: ''}));
  for (const visit of visits) {
    const column = columns[Math.min(width - 1, Math.floor(((visit.atMs - first) / spanMs) * width))]!;
    column.bad ||= !visit.ok;
    column.version = visit.version;
  }
  let last = '';
  const blocks = columns.map((column) => {
    last = column.version || last;
    return column.bad ? '✖' : shadeOf(last);
  });
  return blocks.join('');
}

const shades = new Map<string, string>();

/** Each version gets its own shade, in the order of appearance. */
function shadeOf(version: string): string {
  const shade = shades.get(version) ?? '░▓▒█'[shades.size % 4]!;
  shades.set(version, shade);
  return shade;
}

/** What the shades of `strip` stand for. */
export function legend(): string {
  return [...shades].map(([version, shade]) => `${shade} ${version || 'unknown'}`).join('   ');
}

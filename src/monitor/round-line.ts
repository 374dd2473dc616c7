import {type FailureName, failureLetters, type Round, type ServiceResult} from './sample.js';
import {sealLine, shortHash} from './sealed-line.js';

/**
 * A round as one line: kind, header, time, one cell a service. `. 1p2k9ab lz5k3c8w 12,,x5-30,u` reads: scheduled, of the
 * services that header 1p2k9ab names, 12 ms, not asked, failed with a 5xx after 30 ms, could not be measured.
 */

const kinds = {scheduled: '.', confirm: '!', void: '~'} as const;
const kindOf = new Map(Object.entries(kinds).map(([kind, mark]) => [mark as string, kind as Round['kind']]));
const classOf = new Map(
  Object.entries(failureLetters).map(([name, letter]) => [letter as string, name as FailureName]),
);

/** The header that `roundLine` refers to. */
export function headerLine(services: readonly string[]): string {
  return sealLine(`= ${shortHash(services)} ${JSON.stringify(services)}`);
}

/** One round of the services named by a header. */
export function roundLine(round: Round, services: readonly string[]): string {
  const cells = services.map((service) => cellOf(round.results.get(service))).join(',');
  return sealLine(`${kinds[round.kind]} ${shortHash(services)} ${Math.round(round.atMs).toString(36)} ${cells}`);
}

function cellOf(result: ServiceResult | undefined): string {
  if (!result) return '';
  const ms = result.latencyMs === undefined ? '' : String(Math.round(result.latencyMs));
  if (result.outcome === 'ok') return ms === '' ? '0' : ms;
  if (result.outcome === 'unusable') return 'u';
  return `x${failureLetters[result.class ?? 'assertion']}${ms === '' ? '' : `-${ms}`}`;
}

/**
 * Reads the rounds of one file; lines of two writers may be mixed.
 * @returns the rounds in the order of the lines, and how many lines made no sense.
 */
export function readRoundLines(lines: readonly string[]): {readonly rounds: Round[]; readonly foreign: number} {
  const headers = new Map<string, readonly string[]>();
  const rounds: Round[] = [];
  let foreign = 0;
  for (const line of lines) {
    const [mark, hash, ...rest] = line.split(' ');
    if (mark === '=' && hash) {
      const names = parseNames(rest.join(' '));
      if (names) headers.set(hash, names);
      else foreign++;
      continue;
    }
    const round = parseRound(mark ?? '', headers.get(hash ?? ''), rest);
    if (round) rounds.push(round);
    else foreign++;
  }
  return {rounds, foreign};
}

function parseNames(text: string): string[] | undefined {
  try {
    const names: unknown = JSON.parse(text);
    return Array.isArray(names) && names.every((name) => typeof name === 'string') ? names : undefined;
  } catch {
    return undefined;
  }
}

function parseRound(mark: string, services: readonly string[] | undefined, rest: readonly string[]): Round | undefined {
  const kind = kindOf.get(mark);
  const atMs = Number.parseInt(rest[0] ?? '', 36);
  if (!kind || !services || !Number.isSafeInteger(atMs)) return undefined;
  const cells = (rest[1] ?? '').split(',');
  const results = new Map<string, ServiceResult>();
  services.forEach((service, i) => {
    const result = parseCell(cells[i] ?? '');
    if (result) results.set(service, result);
  });
  return {atMs, kind, results};
}

function parseCell(cell: string): ServiceResult | undefined {
  if (cell === '') return undefined;
  if (cell === 'u') return {outcome: 'unusable'};
  if (cell[0] !== 'x') return {outcome: 'ok', latencyMs: Number(cell)};
  const ms = cell.slice(3);
  return {outcome: 'failed', class: classOf.get(cell[1] ?? '') ?? 'assertion', ...(ms ? {latencyMs: Number(ms)} : {})};
}

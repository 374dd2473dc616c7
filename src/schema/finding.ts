/** Does code of the live release still work once a statement was applied? */
export type Compatibility = 'unchanged' | 'compatible' | 'breaking' | 'unknown';

/** What a statement does to a table while it runs; only worth words when the table is big. */
export type LockCost = 'none' | 'brief' | 'blocks-writes' | 'blocks-all' | 'rewrites';

export interface LockNote {
  readonly cost: LockCost;
  /** `schema.name`. */
  readonly table: string;
  readonly why: string;
  readonly instead?: string;
  /** Size of the table with its indexes, when the database was asked. */
  readonly bytes?: number;
}

export interface Finding {
  readonly compatibility: Compatibility;
  /** Why old code breaks, or why it does not, in one sentence. */
  readonly why: string;
  /** The expand-and-contract way to reach the same end; for breaking and unknown ones. */
  readonly instead?: string;
  readonly lock?: LockNote;
}

export const compatible = (why: string, lock?: LockNote): Finding => ({
  compatibility: 'compatible',
  why,
  ...(lock && {lock}),
});
export const unchanged = (why: string): Finding => ({compatibility: 'unchanged', why});
export const breaking = (why: string, instead: string, lock?: LockNote): Finding => ({
  compatibility: 'breaking',
  why,
  instead,
  ...(lock && {lock}),
});
export const unknown = (why: string, instead: string, lock?: LockNote): Finding => ({
  compatibility: 'unknown',
  why,
  instead,
  ...(lock && {lock}),
});

const order: readonly Compatibility[] = ['unchanged', 'compatible', 'unknown', 'breaking'];

/** The worst of several: breaking, then unknown, compatible, unchanged. */
export function worst(all: readonly Compatibility[]): Compatibility {
  return all.reduce((a, b) => (order.indexOf(b) > order.indexOf(a) ? b : a), 'unchanged');
}

/** Several findings about one statement as one: the worst speaks, all reasons of its kind are kept. */
export function join(findings: readonly Finding[]): Finding {
  const compatibility = worst(findings.map((finding) => finding.compatibility));
  const same = findings.filter((finding) => finding.compatibility === compatibility);
  const lock = findings
    .map((finding) => finding.lock)
    .filter((one) => one !== undefined)
    .sort((a, b) => costs.indexOf(b.cost) - costs.indexOf(a.cost))[0];
  const instead = [...new Set(same.flatMap((finding) => finding.instead ?? []))].join(' ');
  return {
    compatibility,
    why: [...new Set(same.map((finding) => finding.why))].join(' '),
    ...(instead && {instead}),
    ...(lock && {lock}),
  };
}

const costs: readonly LockCost[] = ['none', 'brief', 'blocks-writes', 'blocks-all', 'rewrites'];

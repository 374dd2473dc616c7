import * as z from 'zod';
import {messageOf} from '../kernel/errors.js';
import {readAll, type Store} from '../storage/store.js';

/** What was done to prove a set: stored bytes re-read; decrypted and read to the end; restored and compared. */
export type VerificationDepth = 'digests' | 'decrypt' | 'drill';

const schema = z.looseObject({
  schema: z.literal('switchback-verification/1'),
  set: z.string(),
  depth: z.enum(['digests', 'decrypt', 'drill']),
  ok: z.boolean(),
  at: z.iso.datetime(),
  /** Of the manifest's stored bytes: which seal this speaks of. */
  manifestSha256: z.string(),
  durationMs: z.record(z.string(), z.number()),
  compared: z.int(),
  differences: z.array(z.looseObject({what: z.string(), expected: z.string(), found: z.string()})),
  notes: z.array(z.string()),
  serverVersion: z.string().optional(),
  failure: z.string().optional(),
});

export type Verification = z.infer<typeof schema>;

/**
 * Writes the result beside the set, never over another one. Only a good result at depth `decrypt` or `drill`, which
 * compared the plaintext, is named `verified-`: retention counts those.
 */
export async function recordVerification(
  store: Store,
  set: {readonly prefix: string},
  result: Verification,
): Promise<string> {
  const stamp = result.at.replace(/[-:]/g, '').replace(/\.\d+/, '');
  const kind = !result.ok ? 'failed' : result.depth === 'digests' ? 'reread' : 'verified';
  const key = `${set.prefix}${kind}-${stamp}.json`;
  await store.put(key, Buffer.from(`${JSON.stringify(schema.parse(result), undefined, 2)}\n`), {
    ifAbsent: true,
    contentType: 'application/json',
  });
  return key;
}

/** When the newest of these marks was left, epoch milliseconds: `verified-20261122T031500Z.json` tells. */
export function markedAt(marks: readonly string[]): number | undefined {
  const stamp = /-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z\.json$/.exec([...marks].sort().at(-1) ?? '');
  if (!stamp) return undefined;
  const [, year, month, day, hour, minute, second] = stamp.map(Number);
  return Date.UTC(year!, month! - 1, day!, hour!, minute!, second!);
}

/** Reads one result. @throws Failure STORE_NOT_FOUND; a ZodError for foreign text */
export async function readVerification(store: Store, key: string): Promise<Verification> {
  return schema.parse(JSON.parse((await readAll(store, key)).toString('utf8')));
}

/** The text a failed verification keeps: what went wrong, in one line. */
export function failureText(error: unknown): string {
  return messageOf(error).split('\n')[0]!.slice(0, 500);
}

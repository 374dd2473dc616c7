// One backup by the product's own code, in a process of its own so that its memory can be read. Prints one line of JSON.
// The environment's JOB is JSON with {what, endpoint, url, recipients, key, compression, bytes, id, afterMs}
import {randomBytes} from 'node:crypto';
import {writePart} from '../../lib/src/backup/part-writer.js';
import {restoreDatabase} from '../../lib/src/backup/restore-database.js';
import {readManifest} from '../../lib/src/backup/set-list.js';
import {checkDigests} from '../../lib/src/backup/verify-set.js';
import {writeSet} from '../../lib/src/backup/write-set.js';
import {unlockPrivateKey} from '../../lib/src/crypto/private-key.js';
import {loadRecipients} from '../../lib/src/crypto/recipients.js';
import {parseConnection} from '../../lib/src/postgres/connection.js';
import {openS3Store} from '../../lib/src/storage/s3/s3-store.js';

const job = JSON.parse(process.env.JOB);
const startedMs = performance.now();
const stop = new AbortController();
const {signal} = stop;
const store = openS3Store({
  bucket: 'bench',
  prefix: job.prefix ?? 'sets',
  region: 'us-east-1',
  endpoint: job.endpoint,
  pathStyle: true,
  credentials: {accessKeyId: 'AKIABENCH', secretAccessKey: 'bench-secret-bench-secret'},
});
const recipients = await loadRecipients([job.recipients], {nowMs: Date.now()});
const series = {project: 'bench', environment: 'production'};
const jobs = {
  async set() {
    const set = await writeSet(
      {
        series,
        recipients,
        reason: 'bench',
        readBack: job.readBack ?? 'size',
        database: {
          connection: parseConnection(job.url),
          expectedTables: [],
          depth: job.depth ?? 'off',
          compression: job.compression,
          jobs: job.jobs ?? 1,
        },
      },
      {store, signal, env: process.env},
    );
    return {id: set.id, stored: set.bytes, plain: set.manifest.parts[0].plaintext.bytes};
  },
  async part() {
    const block = randomBytes(1024 * 1024);
    async function* stream() {
      for (let sent = 0; sent < job.bytes; sent += block.length) yield block;
    }
    const part = await writePart(
      {
        role: 'assets',
        name: 'x',
        key: 'discard.pgp',
        format: 'tar',
        compression: {method: 'none', where: 'none'},
        stream: stream(),
        expectedBytes: job.bytes,
      },
      {store, prefix: 'discard/', recipients, signal, now: () => performance.now()},
    );
    return {stored: part.ciphertext.bytes, plain: part.plaintext.bytes};
  },
  /** Cancels a set in the middle, and says how long it took until nothing of it was left. */
  async cancel() {
    let cancelledMs = 0;
    setTimeout(() => {
      cancelledMs = performance.now();
      stop.abort();
    }, job.afterMs).unref();
    const outcome = await jobs.set().then(
      () => 'sealed',
      (error) => error.code,
    );
    const tookMs = performance.now() - cancelledMs;
    const left = [];
    for await (const {key} of store.list('')) left.push(key);
    for await (const {key} of store.unfinished('')) left.push(`upload of ${key}`);
    return {outcome, tookMs, left};
  },
  async readBack() {
    const manifest = await readManifest(store, series, job.id);
    await checkDigests({store, manifest, signal});
    return {stored: manifest.parts[0].ciphertext.bytes};
  },
  async restore() {
    const manifest = await readManifest(store, series, job.id);
    const restored = await restoreDatabase({
      store,
      manifest,
      keys: [await unlockPrivateKey(job.key)],
      server: parseConnection(job.url),
      database: job.database,
      owners: 'drop',
      env: process.env,
      signal,
    });
    return {stages: restored.durationMs, compared: restored.comparison.compared};
  },
};
const result = await jobs[job.what]();
store.close();
console.log(
  JSON.stringify({
    ...result,
    workMs: performance.now() - startedMs,
    rssMB: process.resourceUsage().maxRSS / 1024,
    written: process.resourceUsage().fsWrite * 512,
  }),
);

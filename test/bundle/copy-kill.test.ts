import {randomBytes} from 'node:crypto';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {listSets} from '../../src/backup/set-list.js';
import {checkDigests} from '../../src/backup/verify-set.js';
import {makeKeys} from '../../src/rehearsal/keys.js';
import {type S3StandIn, startS3} from '../../src/rehearsal/s3/stand-in.js';
import {openS3Store} from '../../src/storage/s3/s3-store.js';
import {testCredentials} from '../contract/moto.js';
import {openWorkplace, type Workplace} from '../twin/backup-actions.js';
import {series} from '../twin/backup-world.js';
import {runBundle} from './bundle.js';

const otherCredentials = {accessKeyId: 'AKIAOTHEROTHEROT', secretAccessKey: 'b3RoZXItc2VjcmV0LWZvci10ZXN0cw'};

/** Copying as the runner starts it, ended at moments that nobody chose. */
describe('row 63: a copy that is killed', () => {
  let first: S3StandIn;
  let second: S3StandIn;
  let place: Workplace;
  let inputs: Record<string, string>;
  let ids: string[];

  beforeAll(async () => {
    first = await startS3({...testCredentials, buckets: ['backups']});
    second = await startS3({...otherCredentials, buckets: ['copies']});
    place = await openWorkplace({
      version: 1,
      product: 'shop',
      ledger: {store: 'file'},
      database: {},
      backup: {
        storage: {type: 's3', bucket: 'backups', prefix: 'sb', endpoint: first.url, 'path-style': true},
        also: {type: 's3', bucket: 'copies', prefix: 'kept', endpoint: second.url, 'path-style': true},
        recipients: ['keys/backup.asc'],
        assets: ['one', 'two'],
        'part-size': '5MiB',
        configuration: false,
      },
    });
    await place.write('keys/backup.asc', (await makeKeys()).publicKey);
    // Bytes that do not compress, for several parts of an upload each.
    for (const name of ['one', 'two']) await place.write(`${name}/a.bin`, randomBytes(12 * 1024 * 1024));
    inputs = {
      'storage-access-key-id': testCredentials.accessKeyId,
      'storage-secret-access-key': testCredentials.secretAccessKey,
      'also-access-key-id': otherCredentials.accessKeyId,
      'also-secret-access-key': otherCredentials.secretAccessKey,
      'leftovers-after': '0s',
      include: 'assets',
    };
    ids = [];
    for (let i = 0; i < 2; i++) ids.push(String((await place.backup({...inputs, copy: 'false'})).outputs['set-id']));
  }, 120_000);
  afterAll(async () => {
    await place?.[Symbol.asyncDispose]();
    await first?.close();
    await second?.close();
  });

  const step = (more: Record<string, string>, signalAfter?: readonly [NodeJS.Signals, number]) =>
    runBundle('backup', {
      inputs: {...inputs, ...more},
      workspace: place.root,
      ...(signalAfter ? {signalAfter} : {}),
    });
  const openSecond = () =>
    openS3Store({
      bucket: 'copies',
      prefix: 'kept',
      region: 'us-east-1',
      endpoint: second.url,
      pathStyle: true,
      credentials: otherCredentials,
    });
  const wipe = async () => {
    const store = openSecond();
    for await (const {key} of store.list('')) await store.delete(key);
    store.close();
  };
  /** Every copy that has a seal is whole; returns their ids. */
  const wholeCopies = async () => {
    const store = openSecond();
    const {sealed, unreadable} = await listSets(store, series);
    expect(unreadable).toEqual([]);
    for (const {manifest} of sealed) await checkDigests({store, manifest, signal: new AbortController().signal});
    store.close();
    return sealed.map(({id}) => id).sort();
  };

  test('killed at 30 moments there is no half copy, and the next run makes it whole and leaves nothing', async () => {
    second.faults.push({route: '*', fault: {kind: 'delay', ms: 20}, times: 1_000_000});
    const startedMs = Date.now();
    expect(await step({mode: 'copy'})).toMatchObject({exitCode: 0});
    const spanMs = Date.now() - startedMs;
    const seen = new Set<number>();
    for (let i = 0; i < 30; i++) {
      // Every other time over what the one before left.
      if (i % 2 === 0) await wipe();
      await step({mode: 'copy'}, ['SIGKILL', Math.round((0.3 + (0.7 * i) / 30) * spanMs)]);
      seen.add((await wholeCopies()).length);
    }
    // The moments did hit before, between and after the seals.
    expect(seen.size).toBeGreaterThan(1);
    const after = await step({mode: 'copy'});
    expect(after).toMatchObject({exitCode: 0, outputs: {'not-copied': ''}});
    expect(await wholeCopies()).toEqual(ids.sort());
    const store = openSecond();
    expect((await listSets(store, series)).unsealed).toEqual([]);
    store.close();
    expect(second.uploads('copies')).toEqual([]);
    second.faults.length = 0;
  }, 600_000);

  test('a backup that is killed while it copies has sealed its set, and the next one copies both', async () => {
    second.faults.push({route: 'UploadPart', fault: {kind: 'delay', ms: 20_000}, times: 1_000});
    const before = new Set(first.keys('backups'));
    const killed = await step({}, ['SIGKILL', 12_000]);
    second.faults.length = 0;
    const id = killed.state['set']!;
    expect(first.keys('backups').filter((key) => !before.has(key) && key.endsWith(`${id}/manifest.json`))).toHaveLength(
      1,
    );
    expect(second.uploads('copies').length).toBeGreaterThan(0);
    expect(await wholeCopies()).not.toContain(id);
    const states = Object.fromEntries(Object.entries(killed.state).map(([name, value]) => [`STATE_${name}`, value]));
    expect((await runBundle('backup', {inputs, workspace: place.root, env: states})).exitCode).toBe(0);
    expect(second.uploads('copies')).toEqual([]);
    const next = await step({});
    expect(next).toMatchObject({exitCode: 0, outputs: {'not-copied': ''}});
    expect(await wholeCopies()).toEqual([...ids, id, next.outputs['set-id']!].sort());
  }, 120_000);

  test('a copy that is cancelled ends in order, red, with the set told and no upload left', async () => {
    second.faults.push({route: 'UploadPart', fault: {kind: 'delay', ms: 20_000}, times: 1_000});
    const stopped = await step({}, ['SIGTERM', 12_000]);
    second.faults.length = 0;
    expect(stopped.exitCode).not.toBe(0);
    expect(stopped.outputs).toMatchObject({verified: 'true', 'not-copied': stopped.outputs['set-id']});
    expect(second.uploads('copies')).toEqual([]);
  }, 120_000);
});

import {readFile} from 'node:fs/promises';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {runDrill} from '../../src/backup/drill.js';
import {listSets} from '../../src/backup/set-list.js';
import {readTrustedManifest} from '../../src/backup/trust.js';
import {recordVerification} from '../../src/backup/verification.js';
import type {SetResult} from '../../src/backup/write-set.js';
import {faulty} from '../../src/storage/faults.js';
import {type BackupWorld, series, startBackupWorld} from './backup-world.js';

describe('a restore drill', () => {
  let world: BackupWorld;
  let set: SetResult;
  const signal = new AbortController().signal;
  const request = () => ({
    store: world.store,
    manifest: set.manifest,
    manifestSha256: '0'.repeat(64),
    keys: [world.unlocked],
    sqlChecks: [],
    env: process.env,
    signal,
  });

  beforeAll(async () => {
    world = await startBackupWorld();
    set = await world.backUp(await world.database('shop'));
  }, 120_000);
  afterAll(async () => world?.[Symbol.asyncDispose]());

  test('restores into a server of its own, compares everything, and its result lies beside the set', async () => {
    const {manifest, sha256} = await readTrustedManifest(world.store, series, set.id, {signers: []});
    const handles: string[] = [];
    const result = await runDrill({
      ...request(),
      manifest,
      manifestSha256: sha256,
      sqlChecks: ['SELECT count(*) = 5000 FROM orders', 'SELECT twice(2) = 4'],
      onHandle: (handle) => handles.push(handle),
    });
    expect(result.failure).toBeUndefined();
    expect(result.verification).toMatchObject({
      ok: true,
      depth: 'drill',
      differences: [],
      serverVersion: manifest.database!.serverVersion,
    });
    expect(Object.keys(result.verification.durationMs)).toEqual(
      expect.arrayContaining(['server', 'restore', 'compare', 'total']),
    );
    const key = await recordVerification(
      world.store,
      (await listSets(world.store, series)).sealed[0]!,
      result.verification,
    );
    expect(JSON.parse(await readFile(join(world.store.location, key), 'utf8'))).toMatchObject({
      ok: true,
      manifestSha256: sha256,
    });
    expect((await listSets(world.store, series)).sealed[0]!.verifications).toHaveLength(1);
    await expect(readFile(join(handles[0]!, 'data', 'PG_VERSION'))).rejects.toMatchObject({code: 'ENOENT'});
  });

  test('refuses the server that the set came from', async () => {
    await expect(runDrill({...request(), server: world.admin})).rejects.toMatchObject({code: 'DRILL_LIVE'});
  });

  test("an owner's check that is not true fails the set", async () => {
    const {failure, verification} = await runDrill({...request(), sqlChecks: ['SELECT count(*) = 1 FROM orders']});
    expect(failure).toMatchObject({code: 'DRILL_CHECK'});
    expect(verification).toMatchObject({ok: false});
  });

  test('rows that the manifest knows of and the archive lacks fail the set', async () => {
    const content = set.manifest.database!.content!;
    const tables = content.tables.map((table) =>
      table.name === 'public.orders' ? {...table, rows: table.rows! + 1} : table,
    );
    const manifest = {...set.manifest, database: {...set.manifest.database!, content: {...content, tables}}};
    const {failure, verification} = await runDrill({...request(), manifest});
    expect(failure).toMatchObject({code: 'RESTORE_DIFFERS'});
    expect(verification.differences).toEqual([{what: 'rows of public.orders', expected: '5001', found: '5000'}]);
  });

  test('one changed byte in the store fails the set, and nothing of it reaches the server', async () => {
    const store = faulty(world.store, [{operation: 'get', key: 'database', kind: 'corrupt'}]);
    expect((await runDrill({...request(), store})).failure).toMatchObject({code: 'SET_DIGEST'});
  });

  test('a foreign private key is refused before anything is read', async () => {
    const {makeKeys} = await import('../../src/rehearsal/keys.js');
    const {unlockPrivateKey} = await import('../../src/crypto/private-key.js');
    const foreign = await unlockPrivateKey((await makeKeys()).privateKey);
    await expect(runDrill({...request(), keys: [foreign]})).rejects.toMatchObject({code: 'PRIVATE_KEY'});
  });
});

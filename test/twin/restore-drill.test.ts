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

  describe('policies that name roles', () => {
    let named: SetResult;
    beforeAll(async () => {
      await world.sql(world.server.url, 'CREATE ROLE clerk; CREATE ROLE "Odd ""role" LOGIN; CREATE ROLE idle');
      const url = await world.database(
        'policies',
        `CREATE TABLE t AS SELECT 1 AS a; ALTER TABLE t ENABLE ROW LEVEL SECURITY;
         CREATE POLICY one ON t TO clerk, "Odd ""role" USING (true); CREATE POLICY two ON t TO PUBLIC USING (true)`,
      );
      named = await world.backUp(url, {allowShrink: true});
    }, 60_000);
    const drill = (manifest: SetResult['manifest']) => runDrill({...request(), manifest});
    const without = (roles: boolean, globals: boolean): SetResult['manifest'] => {
      const {parts, database} = named.manifest;
      const {roles: noted, ...content} = database!.content!;
      return {
        ...named.manifest,
        parts: globals ? parts : parts.filter(({role}) => role !== 'globals'),
        database: {...database!, content: roles ? {...content, ...(noted && {roles: noted})} : content},
      };
    };

    test('the manifest notes them, and the drill makes them', async () => {
      expect(named.manifest.database!.content!.roles).toEqual(['Odd "role', 'clerk']);
      const {failure, verification} = await drill(named.manifest);
      expect(failure).toBeUndefined();
      expect(verification.notes).toEqual([expect.stringContaining('Odd "role, clerk')]);
    }, 60_000);

    test.each([
      ['they are read from the part with the roles', true],
      ['they are learned from the error when there is none', false],
    ])(
      'an older set does not note them: %s',
      async (_how, globals) => {
        expect(await drill(without(false, globals))).toMatchObject({verification: {ok: true}});
      },
      120_000,
    );
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

import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {
  announceRetention,
  carryOutRetention,
  prepareRetention,
  type RetentionRequest,
} from '../../src/backup/retention.js';
import {findNewestSet, listSets} from '../../src/backup/set-list.js';
import {Failure} from '../../src/kernel/errors.js';
import {checkFreshness, retain} from '../../src/release/backup-upkeep.js';
import {faulty, type StoreFault} from '../../src/storage/faults.js';
import {openLocalStore} from '../../src/storage/local/local-store.js';
import type {Store, StoredObject} from '../../src/storage/store.js';
import {all} from '../contract/storage-conformance.js';
import {plantSet} from './retention-sets.js';

const series = {project: 'shop', environment: 'production'};
const other = {project: 'blog', environment: 'production'};
const day = 86_400_000;
const rules = {keepLast: 3, hourly: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0, keepWithinMs: 0, minVerified: 1};

describe('retention', () => {
  let folder: string;
  let store: Store;
  let ids: string[];
  const nowMs = Date.now();

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'switchback-retention-'));
    store = openLocalStore(folder);
    ids = [];
    for (let i = 0; i < 8; i++)
      ids.push(await plantSet(store, series, nowMs - i * day, i, i === 1 ? ['verified-20261122T000000Z.json'] : []));
    await plantSet(store, other, nowMs - 50 * day);
  });
  afterEach(() => rm(folder, {recursive: true, force: true}));

  const request = (more: Partial<RetentionRequest> = {}): RetentionRequest => ({
    store,
    series,
    rules,
    limits: {staleAfterMs: 2 * day, maxShare: 1},
    needed: new Map(),
    trust: {signers: []},
    nowMs,
    signal: new AbortController().signal,
    ...more,
  });
  const sealed = async () => (await listSets(store, series)).sealed.map(({id}) => id);
  const later = (ms: number) => request({nowMs: nowMs + ms});
  const limits = {graceMs: day / 2, maxDelete: 100};

  test('a plan is shown and announced first, and removes nothing', async () => {
    const {plan, removal} = await retain(request(), false, limits);
    expect(plan.remove).toEqual(ids.slice(3));
    expect(removal).toBeUndefined();
    expect(await sealed()).toEqual(ids);
    expect(await all(store.list('v1/shop/production/_plans/'))).toHaveLength(1);
  });

  test('what was announced long enough ago is removed, whole, and nothing else', async () => {
    await retain(request(), false, limits);
    expect((await retain(later(day / 4), true, limits)).removal).toMatchObject({removed: []});
    const {removal} = await retain(later(day), true, limits);
    expect([...removal!.removed].sort()).toEqual(ids.slice(3).sort());
    expect(await sealed()).toEqual(ids.slice(0, 3));
    expect((await all(store.list(`v1/shop/production/${ids[5]}`))).map(({key}) => key)).toEqual([]);
    expect((await listSets(store, other)).sealed).toHaveLength(1);
  });

  test('the oldest go first, and no more than allowed in one run', async () => {
    await retain(request(), false, limits);
    const {removal} = await retain(later(day), true, {...limits, maxDelete: 2});
    expect(removal).toMatchObject({removed: [ids[7], ids[6]], waiting: [ids[3], ids[4], ids[5]]});
  });

  test('a plan of other rules is not carried out', async () => {
    await retain(request(), false, limits);
    const stricter = {...later(day), rules: {...rules, keepLast: 2}};
    expect((await retain(stricter, true, limits)).removal!.removed).toEqual([]);
  });

  test('an announced set that is needed by now stays', async () => {
    await retain(request(), false, limits);
    const {removal} = await retain({...later(day), needed: new Map([[ids[7]!, 'release r-1']])}, true, limits);
    expect(removal!.removed).not.toContain(ids[7]);
    await store.put(`v1/shop/production/${ids[2]}/hold-audit.json`, Buffer.from('{}'));
    expect(
      (await prepareRetention(request({rules: {...rules, keepLast: 1}}))).keep.find(({id}) => id === ids[2])!.because,
    ).toEqual(['held: audit']);
  });

  test('objects of a removed set that its manifest does not list are left alone', async () => {
    await store.put(`v1/shop/production/${ids[7]}/somebody-elses.txt`, Buffer.from('x'));
    await retain(request(), false, limits);
    await retain(later(day), true, limits);
    expect((await all(store.list(`v1/shop/production/${ids[7]}`))).map(({key}) => key.split('/').at(-1))).toEqual([
      'somebody-elses.txt',
    ]);
  });

  test.each<[rule: string, fault: StoreFault, code: string]>([
    ['a listing that fails', {operation: 'list', kind: 'refuse', times: 9}, 'STORE_UNAVAILABLE'],
    ['a listing that breaks off', {operation: 'list', kind: 'break', times: 9}, 'STORE_UNAVAILABLE'],
    [
      'a listing that is denied',
      {operation: 'list', kind: 'refuse', times: 9, failure: new Failure('STORE_DENIED', 'no', {remedy: 'no'})},
      'STORE_DENIED',
    ],
    ['a manifest that cannot be fetched', {operation: 'get', kind: 'refuse', times: 9}, 'STORE_UNAVAILABLE'],
    ['a manifest that was changed', {operation: 'get', kind: 'cut', times: 1}, 'RETENTION_UNREADABLE'],
  ])('%s stops it', async (_rule, fault, code) => {
    await announceRetention(request(), await prepareRetention(request()));
    await expect(retain({...later(day), store: faulty(store, [fault])}, true, limits)).rejects.toMatchObject({code});
    expect(await sealed()).toEqual(ids);
  });

  test('row 45: a listing that is cut and says nothing is given away by what was seen before', async () => {
    await announceRetention(request(), await prepareRetention(request()));
    const cut = {...faulty(store, []), list: (prefix: string) => withoutNewest(store.list(prefix))};
    await expect(
      retain({...later(day), store: cut, limits: {staleAfterMs: 99 * day, maxShare: 1}}, true, limits),
    ).rejects.toMatchObject({code: 'RETENTION_LISTING'});
    expect(await sealed()).toEqual(ids);
    await store.delete(`v1/shop/production/${ids[0]}/manifest.json`);
    await expect(
      retain({...later(day), store: cut, limits: {staleAfterMs: 99 * day, maxShare: 1}}, true, limits),
    ).resolves.toBeDefined();
  });

  async function* withoutNewest(listed: AsyncIterable<StoredObject>): AsyncGenerator<StoredObject> {
    for await (const object of listed) if (!object.key.includes(ids[0]!)) yield object;
  }

  test('row 32: what was copied later is not newer', async () => {
    const copied = await plantSet(store, series, nowMs - 300 * day, 77);
    expect((await findNewestSet(store, series))?.id).toBe(ids[0]);
    expect((await listSets(store, series)).sealed.at(-1)?.id).toBe(copied);
  });

  test('an empty series is no reason to delete', async () => {
    await expect(
      retain(request({series: {project: 'typo', environment: 'production'}}), true, limits),
    ).rejects.toMatchObject({code: 'RETENTION_EMPTY'});
  });

  test('when backups have stopped everything stays', async () => {
    await retain(request(), false, limits);
    await expect(retain(later(60 * day), true, limits)).rejects.toMatchObject({code: 'RETENTION_STALE'});
    expect(await sealed()).toEqual(ids);
  });

  test('a clock far behind the store stops it', async () => {
    await expect(retain(request({nowMs: nowMs - 2 * 3_600_000}), true, limits)).rejects.toMatchObject({
      code: 'RETENTION_CLOCK',
    });
  });

  test('a set that its lock keeps is reported, not failed', async () => {
    await announceRetention(request(), await prepareRetention(request()));
    const locked = faulty(store, [
      {
        operation: 'delete',
        key: ids[7],
        kind: 'refuse',
        failure: new Failure('STORE_LOCKED', 'locked', {remedy: 'wait'}),
      },
    ]);
    const result = await carryOutRetention({...later(day), store: locked}, await prepareRetention(later(day)), limits);
    expect(result).toMatchObject({keptByLock: [ids[7]], failed: []});
    expect(await sealed()).toContain(ids[7]);
  });

  test('a removal that fails in one set goes on with the others and says so', async () => {
    await announceRetention(request(), await prepareRetention(request()));
    const broken = faulty(store, [{operation: 'delete', key: ids[6], kind: 'refuse'}]);
    const result = await carryOutRetention({...later(day), store: broken}, await prepareRetention(later(day)), limits);
    expect(result.failed.map(({id}) => id)).toEqual([ids[6]]);
    expect([...result.removed].sort()).toEqual([ids[3], ids[4], ids[5], ids[7]].sort());
  });

  test('freshness goes by the age of what is there', async () => {
    const signal = new AbortController().signal;
    expect(await checkFreshness(store, series, 26 * 3_600_000, nowMs + 3_600_000, signal)).toMatchObject({id: ids[0]});
    await expect(checkFreshness(store, series, 26 * 3_600_000, nowMs + 27 * 3_600_000, signal)).rejects.toMatchObject({
      code: 'BACKUP_STALE',
    });
    await store.put(`v1/shop/production/${ids[0]}/failed-20261122T000000Z.json`, Buffer.from('{}'));
    await expect(checkFreshness(store, series, 20 * 3_600_000, nowMs, signal)).rejects.toMatchObject({
      code: 'BACKUP_STALE',
    });
  });
});

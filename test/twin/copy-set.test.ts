import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {type CatchUpRequest, copyMissing, missingSets, removeDeadCopies} from '../../src/backup/copy-missing.js';
import {copySet} from '../../src/backup/copy-set.js';
import {prepareRetention} from '../../src/backup/retention.js';
import {listNames, listSets} from '../../src/backup/set-list.js';
import {newSetId} from '../../src/backup/set-name.js';
import {Failure} from '../../src/kernel/errors.js';
import {faulty, type StoreFault} from '../../src/storage/faults.js';
import {openLocalStore} from '../../src/storage/local/local-store.js';
import {readAll, type Store} from '../../src/storage/store.js';
import {all} from '../contract/storage-conformance.js';
import {plantSet} from './retention-sets.js';

const series = {project: 'shop', environment: 'production'};
const day = 86_400_000;
const nowMs = Date.now();

describe('row 63: a copy of a set in another store', () => {
  let folder: string;
  let from: Store;
  let to: Store;
  let id: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'switchback-copy-'));
    from = openLocalStore(join(folder, 'from'));
    to = openLocalStore(join(folder, 'to'));
    id = await plantSet(from, series, nowMs);
  });
  afterEach(() => rm(folder, {recursive: true, force: true}));

  const signal = new AbortController().signal;
  const clock = {now: Date.now, sleep: async () => {}};
  const request = {series, trust: {signers: []}, readBack: 'full' as const, signal, clock};
  const copy = (stores: {from?: Store; to?: Store} = {}, more: {readBack?: 'full' | 'size'} = {}) =>
    copySet({...request, from, to, id, ...stores, ...more});
  const catchUp = (more: Partial<CatchUpRequest> = {}) =>
    copyMissing({...request, from, to, keepLast: 3, keepWithinMs: 0, most: 10, nowMs, ...more});
  const names = async (store: Store, one = id) =>
    (await all(store.list(`v1/shop/production/${one}/`))).map(({key}) => key.split('/').at(-1)!).sort();
  const sealedIn = async (store: Store) => (await listSets(store, series)).sealed.map((set) => set.id);
  const keyOf = (name: string) => `v1/shop/production/${id}/${name}`;

  test('holds the same bytes, its signature among them, and nothing else', async () => {
    await from.put(keyOf('manifest.json.asc'), Buffer.from('signed'));
    await from.put(keyOf('verified-20261122T000000Z.json'), Buffer.from('{}'));
    expect(await copy()).toMatchObject({id, reusedBytes: 0});
    expect(await names(to)).toEqual((await names(from)).filter((name) => !name.startsWith('verified-')));
    for (const name of await names(to)) {
      const [one, other] = await Promise.all([readAll(from, keyOf(name)), readAll(to, keyOf(name))]);
      expect(one.equals(other)).toBe(true);
    }
    expect(await copy()).toMatchObject({id});
  });

  test('the manifest is the last thing that is stored', async () => {
    const order: string[] = [];
    const noting: Store = {
      ...faulty(to, []),
      put: (key, body, options) => {
        order.push(key);
        return to.put(key, body, options);
      },
      upload: async (key, source, options) => {
        const stored = await to.upload(key, source, options);
        order.push(key);
        return stored;
      },
    };
    await from.put(keyOf('manifest.json.asc'), Buffer.from('signed'));
    await copy({to: noting});
    expect(order.slice(-2)).toEqual([keyOf('manifest.json.asc'), keyOf('manifest.json')]);
    expect(order).toHaveLength(6);
  });

  const broken: ReadonlyArray<readonly [what: string, side: 'from' | 'to', fault: StoreFault, code: string]> = [
    ['a byte that the first store changes', 'from', {operation: 'get', key: 'assets', kind: 'corrupt'}, 'SET_DIGEST'],
    ['a byte that the second store changes', 'to', {operation: 'get', key: 'assets', kind: 'corrupt'}, 'SET_DIGEST'],
    ['an upload that breaks off', 'to', {operation: 'upload', key: 'assets', kind: 'break'}, 'STORE_UNAVAILABLE'],
    ['an upload that is refused', 'to', {operation: 'upload', key: 'globals', kind: 'refuse'}, 'STORE_UNAVAILABLE'],
    ['a seal that is refused', 'to', {operation: 'put', key: 'manifest.json', kind: 'refuse'}, 'STORE_UNAVAILABLE'],
  ];
  test.each(broken)('%s: no copy, and the next one is whole', async (_what, side, fault, code) => {
    const spoiled = side === 'from' ? {from: faulty(from, [fault])} : {to: faulty(to, [fault])};
    // The second store is read back; what comes from the first is refused on the way, whatever is read back.
    await expect(copy(spoiled, {readBack: side === 'from' ? 'size' : 'full'})).rejects.toMatchObject({code});
    expect(await sealedIn(to)).toEqual([]);
    expect(await all(to.unfinished(''))).toEqual([]);
    await copy();
    expect(await sealedIn(to)).toEqual([id]);
  });

  test('a read that breaks off is taken up where it broke', async () => {
    const fault: StoreFault = {operation: 'get', key: 'database', kind: 'break', times: 2};
    await copy({from: faulty(from, [fault])});
    expect(fault.times).toBe(0);
    expect(await sealedIn(to)).toEqual([id]);
  });

  test('an answer that is lost at the seal is settled by reading', async () => {
    await copy({to: faulty(to, [{operation: 'put', key: 'manifest.json', kind: 'lose-answer'}])});
    expect(await sealedIn(to)).toEqual([id]);
  });

  test('what a cut copy left whole is kept, what it left damaged is sent again', async () => {
    await expect(copy({to: faulty(to, [{operation: 'put', key: 'manifest', kind: 'refuse'}])})).rejects.toThrow();
    const [kept, damaged] = [await to.head(keyOf('assets-a.tar.zst.pgp')), keyOf('globals.sql.pgp')];
    const bytes = await readAll(to, damaged);
    await to.put(damaged, Buffer.from(bytes.map((byte, i) => (i === 3 ? byte ^ 1 : byte))));
    expect(await copy({}, {readBack: 'size'})).toMatchObject({reusedBytes: 3 * bytes.length});
    expect((await to.head(keyOf('assets-a.tar.zst.pgp')))!.etag).toBe(kept!.etag);
    expect((await readAll(to, damaged)).equals(bytes)).toBe(true);
  });

  test('two runs that copy the same set at once end with one whole copy', async () => {
    const both = await Promise.allSettled([copy(), copy()]);
    expect(both.filter(({status}) => status === 'rejected')).toEqual([]);
    expect(await names(to)).toEqual(await names(from));
  });

  test('a part that goes between its check and the seal leaves no seal', async () => {
    const taking: Store = {
      ...faulty(to, []),
      upload: async (key, source, options) => {
        const stored = await to.upload(key, source, options);
        if (key.includes('globals')) setTimeout(() => void to.delete(keyOf('database.dump.pgp')), 20);
        return stored;
      },
      get: async (key, options) => {
        if (key.includes('globals')) await new Promise((resolve) => setTimeout(resolve, 60));
        return to.get(key, options);
      },
    };
    await expect(copy({to: taking})).rejects.toMatchObject({code: 'SET_INCOMPLETE'});
    expect(await sealedIn(to)).toEqual([]);
  });

  test('a cancelled copy ends in order and leaves no upload', async () => {
    const stop = new AbortController();
    const slow: Store = {
      ...faulty(from, []),
      get: async (key, options) => {
        if (key.includes('globals')) stop.abort();
        return from.get(key, options);
      },
    };
    await expect(copySet({...request, from: slow, to, id, signal: stop.signal})).rejects.toThrow();
    expect(await sealedIn(to)).toEqual([]);
    expect(await all(to.unfinished(''))).toEqual([]);
  });

  describe('catching up', () => {
    let ids: string[];
    beforeEach(async () => {
      ids = [id];
      for (let i = 1; i < 6; i++) ids.push(await plantSet(from, series, nowMs - i * day, i));
    });

    test('newest first, no more than allowed, the rest in the next run', async () => {
      expect(await catchUp({most: 2})).toMatchObject({copied: [{id: ids[0]}, {id: ids[1]}], waiting: [ids[2]]});
      expect(await catchUp({most: 2})).toMatchObject({copied: [{id: ids[2]}], waiting: []});
      expect(await catchUp({most: 2})).toMatchObject({copied: [], failed: [], waiting: []});
      expect(await sealedIn(to)).toEqual(ids.slice(0, 3));
    });

    test('what its retention takes away does not come back', async () => {
      await catchUp({keepWithinMs: 10 * day});
      expect(await sealedIn(to)).toEqual(ids);
      const rules = {
        keepLast: 2,
        hourly: 0,
        daily: 0,
        weekly: 0,
        monthly: 0,
        yearly: 0,
        keepWithinMs: 0,
        minVerified: 1,
      };
      const limits = {staleAfterMs: 2 * day, maxShare: 1};
      const plan = await prepareRetention({store: to, ...request, rules, limits, needed: new Map(), nowMs});
      const {listed} = await listNames(from, series);
      const left = {listed: listed.filter((set) => !plan.remove.includes(set.id))};
      expect(plan.remove).toEqual(ids.slice(2));
      const bound = {keepLast: 2, keepWithinMs: 0, nowMs};
      expect(missingSets({listed}, left, bound)).toEqual([]);
      // A set that failed its proof in the first store alone still counts among the newest of the second.
      const marked = listed.map((set) =>
        set.id === ids[0] ? {...set, failures: ['failed-20261122T000000Z.json']} : set,
      );
      expect(missingSets({listed: marked}, left, bound)).toEqual([]);
      expect(missingSets({listed: marked}, {listed: []}, bound)).toEqual([ids[1], ids[2]]);
    });

    test('a set that the first store changed stops no other, and is left alone once it is marked', async () => {
      const key = `v1/shop/production/${ids[1]}/assets-a.tar.zst.pgp`;
      const bytes = await readAll(from, key);
      await from.put(key, Buffer.from(bytes.map((byte, i) => (i === 3 ? byte ^ 1 : byte))));
      const first = await catchUp();
      expect(first.copied.map((one) => one.id)).toEqual([ids[0], ids[2]]);
      expect(first.failed).toMatchObject([{id: ids[1], failure: {code: 'SET_DIGEST'}}]);
      await from.put(`v1/shop/production/${ids[1]}/failed-20261122T000000Z.json`, Buffer.from('{}'));
      expect(await catchUp()).toMatchObject({copied: [{id: ids[3]}], failed: []});
    });

    test('a cancelled run tells what it had copied, and what not', async () => {
      const stop = new AbortController();
      const reason = new Failure('CANCELLED', 'cancelled', {remedy: 'none'});
      const run = await catchUp({
        signal: stop.signal,
        onSet: (one) => {
          if (one === ids[1]) stop.abort(reason);
        },
      });
      expect(run).toMatchObject({copied: [{id: ids[0]}], failed: [{id: ids[1], failure: reason}], waiting: [ids[2]]});
    });

    test('a store that fails ends the run, and nothing is forgotten', async () => {
      const down = faulty(to, [{operation: 'upload', kind: 'refuse', times: 100}]);
      const run = await catchUp({to: down});
      expect(run).toMatchObject({copied: [], failed: [{id: ids[0]}], waiting: [ids[1], ids[2]]});
    });

    test('a manifest that nobody believes is no copy and no failure; one just made is', async () => {
      await from.put(`v1/shop/production/${ids[1]}/manifest.json`, Buffer.from('{}'));
      expect(await catchUp()).toMatchObject({failed: [], unbelieved: [{id: ids[1]}]});
      expect(await catchUp({made: ids[1]})).toMatchObject({failed: [{id: ids[1], failure: {code: 'MANIFEST'}}]});
    });

    test('a set that retention takes meanwhile is nobody’s fault', async () => {
      const going: Store = {
        ...faulty(from, []),
        get: async (key, options) => {
          if (key.includes(ids[1]!)) await from.delete(`v1/shop/production/${ids[1]}/manifest.json`);
          return from.get(key, options);
        },
      };
      expect(await catchUp({from: going})).toMatchObject({failed: [], copied: [{id: ids[0]}, {id: ids[2]}]});
    });

    test('a listing that breaks off copies nothing and removes nothing', async () => {
      const cut = faulty(to, [{operation: 'list', kind: 'break', times: 10}]);
      await catchUp({most: 1});
      await expect(catchUp({to: cut})).rejects.toMatchObject({code: 'STORE_UNAVAILABLE'});
      await expect(
        removeDeadCopies({...request, from: faulty(from, [{operation: 'list', kind: 'break'}]), to}, 0, nowMs),
      ).rejects.toThrow();
      expect(await sealedIn(to)).toEqual([ids[0]]);
    });
  });

  test('leftovers of dead copies go with their origin, and not before', async () => {
    const old = await plantSet(from, series, nowMs - 2 * day, 7);
    const cut = faulty(to, [{operation: 'put', key: 'manifest', kind: 'refuse'}]);
    await expect(copySet({...request, from, to: cut, id: old})).rejects.toThrow();
    const orphan = newSetId(nowMs - day, 'aaaaaaaa');
    await to.put(`v1/shop/production/${orphan}/database.dump.pgp`, Buffer.from('x'));
    const young = newSetId(nowMs, 'bbbbbbbb');
    await to.put(`v1/shop/production/${young}/database.dump.pgp`, Buffer.from('x'));
    expect(await removeDeadCopies({...request, from, to}, 3_600_000, nowMs)).toMatchObject({objects: 1});
    expect(await names(to, orphan)).toEqual([]);
    expect(await names(to, young)).toHaveLength(1);
    expect(await names(to, old)).toHaveLength(4);
  });
});

import {describe, expect, test} from '@jest/globals';
import type {Clock} from '../../src/kernel/clock.js';
import type {StoredAnchors} from '../../src/ledger/record.js';
import type {LedgerStore} from '../../src/ledger/store.js';

/** One way to keep a ledger, opened twice, as two runs would. */
export interface OpenLedger extends AsyncDisposable {
  readonly first: LedgerStore;
  readonly second: LedgerStore;
  readonly clock: Clock & {advance(ms: number): void};
}

const commit = (n: number) => n.toString(16).padStart(40, '0');
const anchors: StoredAnchors = {
  frontend: {
    component: 'frontend',
    platform: 'vercel',
    deploymentId: 'dpl_before',
    commit: commit(1),
    url: 'https://shop-before.vercel.app',
    hosts: ['shop.example', 'www.shop.example'],
    createdAtMs: 1_000,
    readAtMs: 2_000,
    restorable: {by: 'rollback'},
  },
};

/** What every ledger promises. */
export function describeLedger(name: string, open: () => Promise<OpenLedger>): void {
  const release = (n: number) => ({
    release: `r-${n}`,
    commit: commit(n),
    runUrl: `https://github.example/runs/${n}`,
    anchors,
  });
  const names = async (store: LedgerStore, limit: number) => {
    const found: string[] = [];
    for await (const record of store.list(limit)) found.push(record.release);
    return found;
  };

  describe(name, () => {
    test('a record comes back as it was opened, for another run too', async () => {
      await using ledger = await open();
      const opened = await ledger.first.open(release(2));
      expect(opened).toMatchObject({
        release: 'r-2',
        commit: commit(2),
        runUrl: 'https://github.example/runs/2',
        anchors,
      });
      expect(opened.events.map((event) => event.kind)).toEqual(['opened']);
      expect(await ledger.second.read(opened.id)).toEqual(opened);
    });

    test('opening a release twice gives the record that is there', async () => {
      await using ledger = await open();
      const once = await ledger.first.open(release(2));
      await ledger.first.append(once.id, 'staged', {frontend: 'dpl_2'});
      const again = await ledger.second.open({...release(2), anchors: {}});
      expect([again.id, again.anchors]).toEqual([once.id, anchors]);
      expect(again.events.map((event) => event.kind)).toEqual(['opened', 'staged']);
      expect(await names(ledger.first, 10)).toEqual(['r-2']);
    });

    test('events keep their order within one second, and their facts whatever is in them', async () => {
      await using ledger = await open();
      const {id} = await ledger.first.open(release(2));
      const facts = {frontend: 'dpl_2', why: 'a b=c "d" 100% ü\n🙂', empty: ''};
      await ledger.first.append(id, 'intent', {do: 'promote', frontend: 'dpl_2'});
      await ledger.second.append(id, 'promoted', facts);
      await ledger.first.append(id, 'good');
      const {events} = await ledger.second.read(id);
      expect(events.map((event) => [event.kind, event.facts])).toEqual([
        ['opened', {release: 'r-2'}],
        ['intent', {do: 'promote', frontend: 'dpl_2'}],
        ['promoted', facts],
        ['good', {}],
      ]);
    });

    test('identifiers that need more room than one line are never cut', async () => {
      await using ledger = await open();
      const {id} = await ledger.first.open(release(2));
      const facts = {frontend: `dpl_${'f'.repeat(60)}`, backend: 'b'.repeat(70), image: `sha256:${'0'.repeat(64)}`};
      await ledger.first.append(id, 'deployed', facts);
      const {events} = await ledger.first.read(id);
      expect(events.slice(1).every((event) => event.kind === 'deployed')).toBe(true);
      expect(Object.assign({}, ...events.slice(1).map((event) => event.facts))).toEqual(facts);
    });

    test('history is newest first and ends at the limit, over pages', async () => {
      await using ledger = await open();
      for (let n = 1; n <= 25; n++) await ledger.first.open(release(n));
      const newestFirst = Array.from({length: 25}, (_, i) => `r-${25 - i}`);
      expect(await names(ledger.second, 25)).toEqual(newestFirst);
      expect(await names(ledger.second, 100)).toEqual(newestFirst);
      expect(await names(ledger.second, 12)).toEqual(newestFirst.slice(0, 12));
      expect(await names(ledger.second, 1)).toEqual(['r-25']);
    });

    test('a record that is not there is a failure with a way out', async () => {
      await using ledger = await open();
      await expect(ledger.first.read('999')).rejects.toMatchObject({remedy: expect.any(String), retryable: false});
      await expect(ledger.first.append('999', 'good')).rejects.toMatchObject({
        remedy: expect.any(String),
        retryable: false,
      });
    });

    test('a pin holds for every run until it expires', async () => {
      await using ledger = await open();
      const nowMs = ledger.clock.now();
      expect(await ledger.first.activePin(nowMs)).toBeUndefined();
      const untilMs = nowMs + 3_600_000;
      const pin = await ledger.first.pin({
        who: 'ada',
        why: 'rolled back: 500s',
        untilMs,
        release: 'r-2',
        ref: commit(2),
      });
      expect(await ledger.second.activePin(untilMs - 1)).toEqual(pin);
      expect(pin).toMatchObject({who: 'ada', why: 'rolled back: 500s', release: 'r-2', untilMs});
      expect(await ledger.second.activePin(untilMs)).toBeUndefined();
    });

    test('unpinning releases every pin that holds, and says which', async () => {
      await using ledger = await open();
      const nowMs = ledger.clock.now();
      const pin = (why: string, forMs: number) =>
        ledger.first.pin({who: 'ada', why, untilMs: nowMs + forMs, ref: commit(2)});
      await pin('expired', 1_000);
      ledger.clock.advance(2_000);
      await pin('first', 3_600_000);
      await pin('second', 3_600_000);
      expect((await ledger.second.activePin(nowMs + 5_000))?.why).toBe('second');
      expect((await ledger.second.unpin('grace', nowMs + 5_000)).map((one) => one.why).sort()).toEqual([
        'first',
        'second',
      ]);
      expect(await ledger.first.activePin(nowMs + 5_000)).toBeUndefined();
      expect(await ledger.first.unpin('grace', nowMs + 5_000)).toEqual([]);
    });

    test('long texts in a pin are cut, not refused', async () => {
      await using ledger = await open();
      const nowMs = ledger.clock.now();
      await ledger.first.pin({who: 'w'.repeat(500), why: 'y'.repeat(5_000), untilMs: nowMs + 60_000, ref: commit(2)});
      const pin = await ledger.second.activePin(nowMs);
      expect([pin?.who.length, pin?.why.length]).toEqual([80, 300]);
    });
  });
}

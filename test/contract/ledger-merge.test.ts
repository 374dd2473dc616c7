import {expect, test} from '@jest/globals';
import {fakeClock} from '../../src/kernel/clock.js';
import {openFileStore} from '../../src/ledger/file-store.js';
import {openGitHubStore} from '../../src/ledger/github-store.js';
import {lastKnownGood, stateOf} from '../../src/ledger/history.js';
import {mergeLedger} from '../../src/ledger/merge.js';
import type {ReleaseRecord} from '../../src/ledger/record.js';
import type {LedgerStore} from '../../src/ledger/store.js';
import {startGitHub} from '../../src/rehearsal/github/stand-in.js';
import {openGitHub} from '../../src/runner/github.js';

/** A ledger written to a file while GitHub was down, brought into GitHub's when it is back. */

const commits = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(40)) as [string, string, string, string];
const anchorOf = (deploymentId: string) => ({
  frontend: {
    component: 'frontend',
    platform: 'vercel',
    deploymentId,
    hosts: ['shop.example'],
    createdAtMs: 1_000,
    readAtMs: 2_000,
    restorable: {by: 'rollback'},
  } as const,
});

async function openBoth() {
  const clock = fakeClock();
  clock.advance(Date.parse('2026-11-27T10:00:00.123Z') - clock.now());
  const github = await startGitHub({
    owner: 'acme',
    repo: 'shop',
    now: clock.now,
    contentPerMinute: 100_000,
    hourlyLimit: 1_000_000,
    tokens: [{token: 't', permissions: {deployments: 'write'}}],
    commits: [...commits],
  });
  const {request} = await openGitHub('t', {GITHUB_REPOSITORY: 'acme/shop', GITHUB_API_URL: github.url});
  let posts = 0;
  let killAt = Number.POSITIVE_INFINITY;
  const hub = openGitHubStore(
    (route, parameters) => {
      if (route.startsWith('POST') && ++posts > killAt) throw new Error('killed');
      return request(route, parameters);
    },
    {environment: 'production'},
  );
  let text = '';
  const file = openFileStore(
    {
      read: async () => text,
      append: async (more) => {
        text += more;
      },
      truncate: async (bytes) => {
        text = text.slice(0, bytes);
      },
      locked: (work) => work(),
    },
    clock.now,
  );
  return {
    clock,
    github,
    hub,
    file,
    posts: () => posts,
    killAfter: (more: number) => {
      killAt = posts + more;
    },
    merge: () => mergeLedger(file, hub, {nowMs: clock.now(), ref: commits[0]}),
    [Symbol.asyncDispose]: () => github.close(),
  };
}

type Both = Awaited<ReturnType<typeof openBoth>>;

/** Two releases of an outage: one good, one taken back. */
async function outage({file, clock}: Pick<Both, 'file' | 'clock'>): Promise<void> {
  const first = await file.open({release: 'r-1', commit: commits[1], anchors: anchorOf('dpl_0')});
  await write(file, first.id, clock, ['staged', 'promoted', 'good'], 'dpl_1');
  clock.advance(600_000);
  const second = await file.open({release: 'r-2', commit: commits[2], anchors: anchorOf('dpl_1')});
  await write(file, second.id, clock, ['staged', 'promoted', 'rolled-back'], `dpl_${'2'.repeat(90)}`);
  clock.advance(3_600_000);
}

async function write(
  store: LedgerStore,
  id: string,
  clock: Both['clock'],
  kinds: ReadonlyArray<'staged' | 'promoted' | 'good' | 'rolled-back'>,
  frontend: string,
): Promise<void> {
  for (const kind of kinds) {
    clock.advance(1_234);
    // More than fits into one line of GitHub's.
    await store.append(id, kind, {frontend, why: 'ü "quoted" = 100 %', image: `sha256:${'0'.repeat(64)}`});
  }
}

const all = async (store: LedgerStore, limit = 50): Promise<ReleaseRecord[]> => {
  const records: ReleaseRecord[] = [];
  for await (const record of store.list(limit)) records.push(record);
  return records;
};
/** Without ids. GitHub keeps long facts in several lines of one kind; what they say together is what counts. */
const told = (records: readonly ReleaseRecord[]) =>
  records.map(({id: _, events, ...rest}) => {
    const kinds = [...new Set(events.map(({kind}) => kind))];
    const of = (wanted: string) => events.filter(({kind}) => kind === wanted);
    return {
      ...rest,
      events: kinds.map((kind) => ({
        kind,
        atMs: of(kind).at(-1)?.atMs,
        facts: Object.assign({}, ...of(kind).map(({facts}) => facts)) as object,
      })),
    };
  });

test('what was written to the file stands in GitHub as it was, with its own times', async () => {
  await using both = await openBoth();
  await outage(both);
  expect((await both.merge()).releases).toEqual([
    {release: 'r-1', outcome: 'added', events: 4},
    {release: 'r-2', outcome: 'added', events: 4},
  ]);
  expect(told(await all(both.hub))).toEqual(told(await all(both.file)));
});

test('a second merge writes nothing', async () => {
  await using both = await openBoth();
  await outage(both);
  await both.merge();
  const posts = both.posts();
  expect((await both.merge()).releases.map(({outcome, events}) => [outcome, events])).toEqual([
    ['already', 0],
    ['already', 0],
  ]);
  expect(both.posts()).toBe(posts);
});

test('killed after any write, repeating it ends in the same ledger', async () => {
  await using reference = await openBoth();
  await outage(reference);
  await reference.merge();
  const expected = told(await all(reference.hub));
  for (let writes = 0; writes < reference.posts(); writes++) {
    await using both = await openBoth();
    await outage(both);
    both.killAfter(writes);
    const first = await both.merge();
    expect(first.releases.some(({outcome}) => outcome === 'failed')).toBe(true);
    both.killAfter(Number.POSITIVE_INFINITY);
    const second = await both.merge();
    expect(second.releases.some(({outcome}) => outcome === 'failed')).toBe(false);
    expect([writes, told(await all(both.hub))]).toEqual([writes, expected]);
  }
});

test('a release that went on in the file is completed, not repeated', async () => {
  await using both = await openBoth();
  await outage(both);
  await both.merge();
  const [newest] = await all(both.file, 1);
  both.clock.advance(1_000);
  await both.file.append(newest!.id, 'note', {schema: 'unchanged'});
  expect((await both.merge()).releases).toMatchObject([
    {release: 'r-1', outcome: 'already'},
    {release: 'r-2', outcome: 'completed', events: 1},
  ]);
});

test('releases made on GitHub before the merge stay the newer ones', async () => {
  await using both = await openBoth();
  const before = await both.hub.open({release: 'r-0', commit: commits[0], anchors: {}});
  await both.hub.append(before.id, 'good');
  await outage(both);
  const after = await both.hub.open({release: 'r-3', commit: commits[3], anchors: anchorOf('dpl_1')});
  await both.hub.append(after.id, 'good');
  both.clock.advance(60_000);
  await both.merge();
  expect((await all(both.hub)).map(({release}) => release)).toEqual(['r-3', 'r-2', 'r-1', 'r-0']);
  expect((await all(both.hub, 2)).map(({release}) => release)).toEqual(['r-3', 'r-2']);
  expect(lastKnownGood(await all(both.hub))?.release).toBe('r-3');
  expect((await all(both.hub)).map(stateOf)).toEqual(['good', 'rolled-back', 'good', 'good']);
});

test('adopted releases keep their place over pages', async () => {
  await using both = await openBoth();
  await outage(both);
  for (let n = 10; n < 35; n++) {
    both.clock.advance(60_000);
    await both.hub.open({release: `r-${n}`, commit: commits[0], anchors: {}});
  }
  await both.merge();
  const names = (await all(both.hub)).map(({release}) => release);
  expect(names).toEqual([...Array.from({length: 25}, (_, i) => `r-${34 - i}`), 'r-2', 'r-1']);
  expect((await all(both.hub, 10)).map(({release}) => release)).toEqual(names.slice(0, 10));
});

test('a release recorded differently on both sides is told and left alone; the others are merged', async () => {
  await using both = await openBoth();
  await outage(both);
  const theirs = await both.hub.open({release: 'r-2', commit: commits[3], anchors: {}});
  const {releases} = await both.merge();
  expect(releases.map(({release, outcome}) => [release, outcome])).toEqual([
    ['r-1', 'added'],
    ['r-2', 'conflict'],
  ]);
  expect(releases[1]?.why).toBe(`here it ships ${commits[3]}, there ${commits[2]}`);
  expect((await both.hub.read(theirs.id)).events.map(({kind}) => kind)).toEqual(['opened']);
});

test('the same release with another way back is a conflict too', async () => {
  await using both = await openBoth();
  await outage(both);
  await both.hub.open({release: 'r-2', commit: commits[2], anchors: anchorOf('dpl_other')});
  expect((await both.merge()).releases[1]).toMatchObject({
    outcome: 'conflict',
    why: 'its frontend anchor is dpl_other here and dpl_1 there',
  });
});

test('a commit that GitHub does not know is told, and costs the others nothing', async () => {
  await using both = await openBoth();
  await both.file.open({release: 'r-unpushed', commit: 'e'.repeat(40), anchors: {}});
  await outage(both);
  const {releases} = await both.merge();
  expect(releases.map(({outcome}) => outcome)).toEqual(['failed', 'added', 'added']);
  expect(releases[0]?.why).toContain('No ref found');
});

test('a pin moves: it holds on GitHub, and does not come back once it was released there', async () => {
  await using both = await openBoth();
  await outage(both);
  const untilMs = both.clock.now() + 86_400_000;
  await both.file.pin({who: 'ada', why: 'checkout is broken', untilMs, release: 'r-2', ref: commits[2]});
  expect((await both.merge()).pins).toMatchObject([{who: 'ada', why: 'checkout is broken', untilMs}]);
  expect(await both.hub.activePin(both.clock.now())).toMatchObject({release: 'r-2'});
  expect(await both.file.activePin(both.clock.now())).toBeUndefined();
  await both.hub.unpin('grace', both.clock.now());
  await both.merge();
  expect(await both.hub.activePin(both.clock.now())).toBeUndefined();
});

test('a pin that cannot be brought stays where it is', async () => {
  await using both = await openBoth();
  await both.file.pin({who: 'ada', why: 'broken', untilMs: both.clock.now() + 86_400_000, ref: commits[2]});
  both.killAfter(0);
  const merged = await both.merge();
  expect(merged).toMatchObject({pins: [], leftPins: [{pin: {why: 'broken'}, why: 'killed'}]});
  expect(await both.file.activePin(both.clock.now())).toMatchObject({why: 'broken'});
});

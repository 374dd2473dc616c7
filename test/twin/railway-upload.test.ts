import {mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {Readable} from 'node:stream';
import {gunzipSync} from 'node:zlib';
import {afterAll, describe, expect, test} from '@jest/globals';
import {extract} from 'tar-stream';
import {adapterAt, release} from './railway-adapter.js';
import {fault, shaA, shaB, startWorld, type World} from './railway-world.js';

const root = mkdtempSync(join(realpathSync(tmpdir()), 'railway-source-'));
afterAll(() => rmSync(root, {recursive: true, force: true}));

let count = 0;
/** A folder with these files; a value starting with `->` is a link. */
function folderOf(files: Record<string, string>): string {
  const folder = join(root, String(++count));
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(join(path, '..'), {recursive: true});
    if (content.startsWith('->')) symlinkSync(content.slice(2), path);
    else writeFileSync(path, content);
  }
  return folder;
}

async function contentsOf(gzipped: Buffer): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const entry of Readable.from([gunzipSync(gzipped)]).pipe(extract())) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    found[entry.header.name] = Buffer.concat(chunks).toString();
  }
  return found;
}

const uploads = (world: World) => {
  world.repo = null;
  world.seed({meta: {cliMessage: `old [switchback release=r0 commit=${shaA}]`}, active: true});
};

async function uploaded(path: string) {
  await using running = await startWorld(uploads);
  const {railway, timed, lines} = adapterAt(running);
  const deployment = await railway.deploy({...release, path, message: 'ship it'}, timed);
  return {
    deployment,
    lines,
    upload: running.world.uploads[0]!,
    contents: await contentsOf(running.world.uploads[0]!.bytes),
    operations: running.operations(),
  };
}

describe('what is uploaded', () => {
  test('the request is what the endpoint takes, and the release is marked in it', async () => {
    const {deployment, upload, operations} = await uploaded(folderOf({'server.js': 'x'}));
    expect(deployment).toMatchObject({outcome: 'ready', commit: shaB, adopted: false});
    expect(upload.type).toBe('application/gzip');
    expect(upload.length).toBe(String(upload.bytes.length));
    expect(upload.query).toMatchObject({
      serviceId: ['svc_1'],
      message: [`ship it [switchback release=rel-1 commit=${shaB}]`],
    });
    expect(operations.filter((name) => name !== 'deployment')).toEqual([
      'projectToken',
      'environment',
      'serviceInstance',
      'up',
      'serviceInstance',
    ]);
  });

  test('ignore files of every level are kept to; secrets, history and modules never go', async () => {
    const {contents} = await uploaded(
      folderOf({
        'server.js': 'main',
        '.gitignore': '*.log\nbuild/\n',
        '.railwayignore': 'docs\n!keep.log\n',
        'keep.log': 'kept',
        'drop.log': 'x',
        'build/out.js': 'x',
        'docs/a.md': 'x',
        '.env': 'SECRET=1',
        'sub/.env.local': 'SECRET=1',
        '.env.example': 'NAME=',
        '.git/config': 'x',
        'node_modules/m/i.js': 'x',
        'sub/.gitignore': '*.tmp\n!.env.local\n',
        'sub/a.tmp': 'x',
        'sub/b.js': 'b',
        'empty.txt': '',
      }),
    );
    expect(new Set(Object.keys(contents))).toEqual(
      new Set([
        './.env.example',
        './.gitignore',
        './.railwayignore',
        './empty.txt',
        './keep.log',
        './server.js',
        './sub/.gitignore',
        './sub/b.js',
      ]),
    );
    expect(contents['./server.js']).toBe('main');
  });

  test('links inside are followed; links out of the folder, to nowhere and in circles are not', async () => {
    const outside = folderOf({'secret.txt': 'outside'});
    const {contents, lines} = await uploaded(
      folderOf({
        'a/real.js': 'real',
        'b.js': '->a/real.js',
        c: '->a',
        'a/loop': '->..',
        'out.txt': `->${outside}/secret.txt`,
        gone: '->nowhere',
      }),
    );
    expect(contents).toMatchObject({'./a/real.js': 'real', './b.js': 'real', './c/real.js': 'real'});
    expect(Object.values(contents)).not.toContain('outside');
    expect(lines.join('\n')).toMatch(/left out gone: the link leads nowhere/);
    expect(lines.join('\n')).toMatch(/left out out\.txt: the link leads out of the folder/);
  });
});

describe('what is answered', () => {
  test.each([
    [
      '400 quotes the message',
      {status: 400, body: '{"message":"No start command"}'},
      'RAILWAY_UPLOAD',
      /No start command/,
      1,
    ],
    ['413 is told as too large', {status: 413, body: 'Payload Too Large'}, 'RAILWAY_UPLOAD_SIZE', /too large/, 1],
    ['401 is a matter of the token', {status: 401, body: '{"message":"x"}'}, 'RAILWAY_AUTH', /HTTP 401/, 1],
    ['404 is no answer of Railway', {status: 404, body: 'nothing here'}, 'RAILWAY_HTTP', /nothing here/, 1],
  ] as const)('%s', async (_row, answer, code, tells, sent) => {
    await using running = await startWorld((world) => {
      uploads(world);
      world.uploadAnswers.push(answer);
    });
    const {railway, timed} = adapterAt(running);
    await expect(railway.deploy({...release, path: folderOf({a: 'a'})}, timed)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(tells),
    });
    expect(running.world.mutations.length).toBe(sent);
    expect(running.world.uploads).toEqual([]);
  });

  test('a passing 503 is repeated after a look that nothing appeared', async () => {
    await using running = await startWorld((world) => {
      uploads(world);
      world.uploadAnswers.push({status: 503, body: ''});
    });
    const {railway, timed} = adapterAt(running);
    expect(await railway.deploy({...release, path: folderOf({a: 'a'})}, timed)).toMatchObject({outcome: 'ready'});
    expect(running.world.uploads.length).toBe(1);
    const order = running.operations().filter((name) => ['up', 'deployments'].includes(name));
    expect([order[0], order[1], order.at(-1)]).toEqual(['up', 'deployments', 'up']);
  });

  test('an answer without an id, or none at all, is looked up by the mark', async () => {
    for (const meddle of ['200', 'close']) {
      await using running = await startWorld(uploads);
      if (meddle === 'close') running.server.faults.push(fault('up', {kind: 'close-after'}));
      else running.world.uploadAnswers.push({status: 200, body: '{"deploymentId":""}'});
      const {railway, timed} = adapterAt(running);
      expect(await railway.deploy({...release, path: folderOf({a: 'a'})}, timed)).toMatchObject({
        outcome: 'ready',
        deploymentId: 'dep_2',
      });
      expect(running.world.uploads.length).toBe(1);
    }
  });

  test('another folder of the same commit is not taken over, the same release is', async () => {
    await using running = await startWorld((world) => {
      world.repo = null;
      world.seed({meta: {cliMessage: `[switchback release=rel-1 commit=${shaB}]`}, active: true});
    });
    const {railway, timed} = adapterAt(running);
    expect(await railway.deploy({...release, path: folderOf({a: 'a'})}, timed)).toMatchObject({
      adopted: true,
      deploymentId: 'dep_1',
    });
    expect(await railway.deploy({...release, release: 'rel-2', path: folderOf({a: 'b'})}, timed)).toMatchObject({
      adopted: false,
      deploymentId: 'dep_2',
    });
  });
});

describe('a folder that cannot be uploaded sends nothing that deploys', () => {
  test.each([
    ['missing', () => join(root, 'absent')],
    ['empty', () => folderOf({'.gitignore': '*', a: 'a'})],
  ])('%s', async (_row, path) => {
    await using running = await startWorld(uploads);
    const {railway, timed} = adapterAt(running);
    await expect(railway.deploy({...release, path: path()}, timed)).rejects.toMatchObject({code: 'RAILWAY_FOLDER'});
    expect(running.world.rows.length).toBe(1);
  });

  test('no folder at all', async () => {
    await using running = await startWorld(uploads);
    const {railway, timed} = adapterAt(running);
    await expect(railway.deploy(release, timed)).rejects.toMatchObject({code: 'RAILWAY_SOURCE'});
  });
});

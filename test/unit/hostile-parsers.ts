import fc from 'fast-check';
import {mailOf} from '../../src/alerts/email.js';
import {issueBody} from '../../src/alerts/issue.js';
import type {Message} from '../../src/alerts/message.js';
import {slackPayload} from '../../src/alerts/slack.js';
import {decodeManifest} from '../../src/backup/manifest.js';
import {splitKey} from '../../src/backup/set-name.js';
import {parseConfig} from '../../src/config/load-config.js';
import {decodeLetters} from '../../src/gate/letter-log.js';
import {shortfall} from '../../src/gate/probes/expectation.js';
import {Failure} from '../../src/kernel/errors.js';
import {noCommands, stripControls} from '../../src/kernel/text.js';
import {parsePin} from '../../src/ledger/pin.js';
import {parseEvent, parsePayload} from '../../src/ledger/record.js';
import {readRoundLines} from '../../src/monitor/round-line.js';
import {openLines, sealLine} from '../../src/monitor/sealed-line.js';
import {failureOf, httpFailure, retryAfterMs} from '../../src/platforms/railway/answers.js';
import {factsList} from '../../src/platforms/railway/facts.js';
import {deploymentOf} from '../../src/platforms/vercel/deployment-record.js';
import {record} from '../../src/platforms/vercel/json.js';
import {parseCommand} from '../../src/rehearsal/engine/command.js';
import {parsePairs, parsePaths} from '../../src/rehearsal/engine/file-command.js';
import {cell, code, codeBlock, oneLine} from '../../src/report/text.js';
import {parseInputs} from '../../src/runner/inputs.js';
import {formsOf} from '../../src/runner/mask.js';
import {secret, secretLines, text} from '../../src/runner/spec.js';
import {readMigrations} from '../../src/schema/layouts.js';
import {literalSql} from '../../src/schema/literal-sql.js';

/** Every parser of text that somebody else wrote, each with the kind of text it is most likely to trip over. */
export interface Target {
  readonly name: string;
  readonly input: fc.Arbitrary<unknown>;
  /** Throws an Error whose message starts with `broken:` when the answer itself is harmful. */
  readonly run: (input: never) => unknown;
}

const fragments = [
  '::set-output name=a::b',
  '::add-mask::x',
  '::stop-commands::t',
  '##[error]x',
  '\u001b[31m',
  '\u001b[',
  '\u0000',
  '\u202e',
  '\u2028',
  '\r',
  '\n',
  '\n::error::',
  '`',
  '```',
  '|',
  '<img src=x onerror=alert(1)>',
  '[a](javascript:b)',
  '@everyone',
  '../',
  '..',
  '\\',
  '=cmd()',
  '__proto__',
  'constructor',
  'toString',
  '%0A',
  '%',
  '<<EOF',
  '=',
  '"',
  "'",
  '"""',
  '/*',
  '*/',
  '{',
  '}',
  '&a',
  '*a',
  '!!js',
  '<<: ',
  ': ',
  '- ',
  '1e999',
  '\ud800',
  '\ufeff',
  ' ',
  '\t',
  'a',
  'promoted ',
]; // prettier-ignore

/** Text made of the pieces that break readers, each possibly many times over. */
export const hostileText = fc
  .array(
    fc.oneof(
      fc
        .tuple(fc.constantFrom(...fragments), fc.integer({min: 1, max: 40}))
        .map(([piece, times]) => piece.repeat(times)),
      fc.string({unit: 'binary', maxLength: 20}),
    ),
    {maxLength: 12},
  )
  .map((pieces) => pieces.join(''));

const keys = fc.constantFrom(
  'id',
  'status',
  'state',
  'meta',
  'createdAt',
  'created',
  'instances',
  'edges',
  'node',
  'message',
  'extensions',
  'code',
  'path',
  'traceId',
  'schema',
  'release',
  'commit',
  'anchors',
  'frontend',
  'backend',
  'hosts',
  'who',
  'why',
  'untilMs',
  'deploymentId',
  'readyState',
  '__proto__',
  'constructor',
  'toString',
  'valueOf',
  'toJSON',
  'checks',
  'gate',
  'version',
  'product',
  'parts',
  'imageDigest',
  'image',
  'commitHash',
  'cliMessage',
  'gitSource',
  'sha',
); // prettier-ignore

const leaf = fc.oneof(
  hostileText,
  fc.constantFrom(null, true, 0, -1, 1e308, 8.64e15 + 1, 'switchback/1', 'switchback-pin/1', 'a'.repeat(40), 'dpl_1'),
  fc.double({noNaN: true}),
);

/** JSON as a parser hands it out, so that `__proto__` is a key of its own and 1e999 is Infinity. */
const jsonText = fc
  .letrec((tie) => ({
    value: fc.oneof({maxDepth: 4}, leaf, fc.array(tie('value'), {maxLength: 3}), tie('object')),
    object: fc
      .array(fc.tuple(keys, tie('value')), {maxLength: 6})
      .map((pairs) => Object.fromEntries(pairs.map(([key, value]) => [key === '__proto__' ? 'PROTO' : key, value]))),
  }))
  .object.map((value) => JSON.stringify(value).replaceAll('"PROTO":', '"__proto__":').replaceAll('1e+308', '1e999'));
const json = jsonText.map((value) => JSON.parse(value) as unknown);

const withSchema = (schema: string) =>
  json.map((value) => ({release: 'r-1', commit: 'a'.repeat(40), untilMs: 1, ...(value as object), schema}));

const yaml = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        'version: 1\n',
        'product: shop\n',
        'checks:\n',
        '  - ',
        'gate: ',
        '&a [*a]',
        '&b ',
        '*b',
        '__proto__: ',
        '{',
        '}',
        '[',
        ']',
        '? ',
        '!!binary ',
        '|\n',
        '>\n',
        '"',
        "'",
        '\n',
        '  ',
        '<<: *b\n',
      ), // prettier-ignore
      hostileText,
    ),
    {maxLength: 16},
  )
  .map((pieces) => pieces.join(''));

const program = fc
  .tuple(
    fc.constantFrom('def upgrade():\n', 'async up() {\n', 'exports.up = {\n', 'def up\n'),
    fc.array(
      fc.oneof(
        fc.constantFrom(
          'op.execute("""',
          'op.execute("a")',
          'await queryRunner.query(`',
          '`)',
          'await knex.raw(`',
          'execute <<~SQL\n',
          '\nSQL',
          '\n  end\n',
          '\n}',
          '#',
          '//',
        ), // prettier-ignore
        hostileText,
      ),
      {maxLength: 12},
    ),
  )
  .map(([head, pieces]) => head + pieces.join(''));
const dialect = fc.constantFrom('alembic', 'typeorm', 'knex', 'rails');

const manifestBytes = fc.oneof(
  jsonText.map((value) => Buffer.from(value)),
  fc.uint8Array({maxLength: 200}).map((bytes) => Buffer.from(bytes)),
);
const series = {project: 'shop', environment: 'production'};
const message: fc.Arbitrary<Message> = fc.record({
  kind: fc.constantFrom('alert', 'reminder', 'recovery'),
  severity: fc.constantFrom('critical', 'warning', 'info'),
  product: hostileText,
  key: fc.string({maxLength: 40}),
  title: hostileText,
  facts: fc.array(fc.tuple(hostileText, hostileText), {maxLength: 4}),
  detail: hostileText,
  links: fc.constant([{text: 'run', url: 'https://github.com/acme/shop/actions/runs/1'}]),
  sinceMs: fc.nat(),
  atMs: fc.nat(),
});
const inputSpec = {
  name: 'fuzzed',
  description: '',
  inputs: {name: text({doc: 'x'}), key: secret({doc: 'x'})},
  outputs: {},
} as never;

export const targets: readonly Target[] = [
  target('oneLine', hostileText, (input) => refuseIf(oneLine(input), isCommand)),
  target('stripControls', hostileText, (input) => refuseIf(stripControls(input), hasControls)),
  target('cell', hostileText, (input) => refuseIf(cell(input), (shown) => isCommand(shown) || hasLiveMarkup(shown))),
  target('code', hostileText, (input) => refuseIf(code(input), (shown) => /[`|\n]/.test(shown.slice(1, -1)))),
  target('codeBlock', hostileText, (input) => refuseIf(codeBlock(input), leavesBlock)),
  target('ledger record', withSchema('switchback/1'), (input) => printable(parsePayload(input))),
  target('ledger record text', fc.oneof(jsonText, hostileText), (input) => printable(parsePayload(input))),
  target('ledger event', hostileText, (input) => parseEvent(`promoted ${input}`)),
  target('ledger pin', withSchema('switchback-pin/1'), (input) => {
    const pin = parsePin(input);
    return pin && new Date(pin.untilMs).toISOString();
  }),
  target('configuration', yaml, (input) => parseConfig(input, 'switchback.yml')),
  target('configuration as JSON', jsonText, (input) => parseConfig(input, 'switchback.yml')),
  target('manifest', manifestBytes, (input) => decodeManifest(input)),
  target('set key', hostileText, (input) =>
    refuseIf(splitKey(series, `v1/shop/production/20261122T184501Z-9f2c41aa/${input}`)?.name ?? 'x', leavesFolder),
  ),
  target('expectation', fc.tuple(jsonText, hostileText), ([body, header]) =>
    shortfall(
      {status: 200, headers: {location: header, 'x-commit': header}, body: Buffer.from(body)} as never,
      {
        headers: {'x-commit': '/^[0-9a-f]+$/'},
        json: [
          {path: '$..status', equals: 'ok'},
          {path: '$.meta.*', exists: true},
        ],
        commit: {json: '$.commit'},
      } as never,
      {commit: 'a'.repeat(40), url: new URL('https://shop.example/')},
    ),
  ),
  target('inputs', fc.tuple(hostileText, hostileText), ([name, key]) =>
    parseInputs(inputSpec, (input) => (input === 'name' ? name : key)),
  ),
  target('command file', hostileText, (input) => [[...parsePairs(input)], parsePaths(input)]),
  target('workflow command', hostileText, (input) => parseCommand(`::error ${input}::x`)),
  target('literal SQL', fc.tuple(dialect, program), ([name, input]) => literalSql(name, input)),
  target('migrations', fc.tuple(fc.array(hostileText, {maxLength: 3}), program), ([paths, input]) => {
    const files = [...paths.map((path) => `alembic/versions/${path}.py`), 'alembic/versions/a.py'];
    return readMigrations({name: 'alembic'}, {paths: files, read: async () => input});
  }),
  target('Railway deployments', json, (input) =>
    printable(factsList({edges: [{node: {id: 'a', status: 'b', ...(input as object)}}, input, null]} as never)),
  ),
  target('Railway connection', json, (input) => factsList(input as never)),
  target('Railway refusal', fc.tuple(json, hostileText), ([input, body]) => [
    failureOf('x', [input as never], 200),
    failureOf('x', [null as never], 200),
    httpFailure('x', 418, body, undefined),
    retryAfterMs(body, 0),
  ]),
  target('lines of a log', hostileText, (input) =>
    refuseIf(noCommands(input), (shown) =>
      shown.split(/[\r\n\u0085\u2028\u2029]/).some((line) => parseCommand(line) !== undefined || line.includes('##[')),
    ),
  ),
  target('secret lines', hostileText, (input) =>
    parseInputs({...(inputSpec as object), inputs: {lines: secretLines({doc: 'x'})}} as never, () => input),
  ),
  target('forms of a secret', hostileText, (input) => formsOf(input)),
  target('records of a history', hostileText, (input) => {
    const line = input.replaceAll('\n', ' ');
    const {lines, damaged} = openLines(`${sealLine(line)}\n${input}`);
    if (line !== '' && !lines.includes(line)) throw new Error(`broken: a sealed record was lost, ${damaged} damaged`);
    readRoundLines([...lines, ...input.split('\n')]);
  }),
  target('letters of a gate', hostileText, (input) => decodeLetters(input, 10_000)),
  target('Slack message', message, (input) =>
    refuseIf(JSON.stringify(slackPayload(input)), (shown) => /<(!|@|#|https?:)/.test(shown)),
  ),
  target('mail', message, (input) =>
    refuseIf(JSON.stringify([mailOf(input, {from: 'a@b.c', to: ['d@e.f']}, 'x').subject]), (shown) =>
      /\\[rnu]/.test(shown),
    ),
  ),
  target('issue', message, (input) =>
    refuseIf(issueBody(input, cell), (shown) => /<img|@everyone|\]\(javascript/.test(shown)),
  ),
  target('Vercel deployment', json, (input) => printable([deploymentOf(record(input) ?? {})])),
];

function target<T>(name: string, input: fc.Arbitrary<T>, run: (input: T) => unknown): Target {
  return {name, input, run: run as Target['run']};
}

/** Runs one case. @throws what is no Failure, and `broken:` for a harmful answer or a changed prototype. */
export async function runCase(one: Target, input: unknown): Promise<void> {
  try {
    await one.run(input as never);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (!error.remedy) throw new Error('broken: a failure without a remedy', {cause: error});
  }
  if (Object.keys(Object.prototype).length || ({} as {polluted?: unknown}).polluted !== undefined)
    throw new Error('broken: Object.prototype was changed');
}

/** Times that are read must print, since summaries print them. */
function printable(rows: unknown): void {
  for (const row of [rows].flat() as Array<{createdAtMs?: number; anchors?: object} | undefined>) {
    if (row?.createdAtMs !== undefined) new Date(row.createdAtMs).toISOString();
    for (const anchor of Object.values(row?.anchors ?? {}) as Array<{createdAtMs: number}>)
      new Date(anchor.createdAtMs).toISOString();
  }
}

function refuseIf(shown: string, harmful: (shown: string) => boolean): void {
  if (harmful(shown)) throw new Error(`broken: ${JSON.stringify(shown.slice(0, 300))}`);
}

export function isCommand(line: string): boolean {
  return line.includes('\n') || hasControls(line) || parseCommand(line) !== undefined || line.includes('##[');
}

export function hasControls(shown: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the point
  return /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/.test(shown);
}

/** A character that Markdown or HTML would read, without the backslash that takes its meaning away. */
export function hasLiveMarkup(shown: string): boolean {
  const rest = shown.replace(/\\[\\`*_{}[\]()#+!|~]/g, '').replace(/&(amp|lt|gt);|@\u200b/g, '');
  return /[\\`*_{}[\]<>()#+!|~&@]/.test(rest);
}

/** The closing fence must be the only line that could close the block. */
export function leavesBlock(block: string): boolean {
  const lines = block.split('\n');
  const fence = lines.at(-1)!;
  return lines.slice(1, -1).some((line) => line.trim().startsWith(fence)) || !/^`{3,}$/.test(fence);
}

export function leavesFolder(name: string): boolean {
  return /[/\\\p{Cc}]/u.test(name) || name === '.' || name === '..' || name === '';
}

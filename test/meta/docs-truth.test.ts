import {spawnSync} from 'node:child_process';
import {existsSync, readdirSync, readFileSync} from 'node:fs';
import {dirname, join, resolve} from 'node:path';
import {NoOperationTraceWriter, parseWorkflow} from '@actions/workflow-parser';
import {describe, expect, test} from '@jest/globals';
import {parse} from 'yaml';
import {commands} from '../../src/cli/commands.js';
import {parseConfig} from '../../src/config/load-config.js';

const root = resolve(import.meta.dirname, '..', '..');
const pages = [
  'README.md',
  'SECURITY.md',
  ...readdirSync(join(root, 'action-docs'))
    .filter((file) => file.endsWith('.md'))
    .map((file) => `action-docs/${file}`),
];
const textOf = (page: string) => readFileSync(join(root, page), 'utf8');

interface Block {
  readonly at: string;
  readonly language: string;
  readonly body: string;
}

function blocksOf(page: string, text = textOf(page)): Block[] {
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```/gm)].map((match) => ({
    at: `${page}:${text.slice(0, match.index).split('\n').length}`,
    language: match[1]!,
    body: match[2]!,
  }));
}

const blocks = pages.flatMap((page) => blocksOf(page));
const without = (text: string) => text.replace(/^```[\s\S]*?^```/gm, '');

/** Anchors of a page as GitHub makes them. */
function anchorsOf(text: string): Set<string> {
  const headings = [...without(text).matchAll(/^#{1,6}\s+(.+)$/gm)].map((match) => match[1]!);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replace(/\s/g, '-'),
    ),
  );
}

function brokenLinks(page: string, text = textOf(page)): string[] {
  const targets = [
    ...without(text)
      .replace(/`[^`\n]*`/g, '')
      .matchAll(/\]\(([^)\s]+)\)/g),
  ].map((match) => match[1]!);
  return targets.filter((target) => {
    if (/^(https?:|mailto:)/.test(target)) return !URL.canParse(target);
    const [file, anchor] = target.split('#') as [string, string | undefined];
    const path = file === '' ? join(root, page) : join(root, dirname(page), file);
    if (!existsSync(path)) return true;
    return (
      anchor !== undefined &&
      path.endsWith('.md') &&
      !anchorsOf(file === '' ? text : readFileSync(path, 'utf8')).has(anchor)
    );
  });
}

/** What is wrong with a YAML snippet, by what it is: a workflow, steps of one, a configuration, or a part of these. */
function wrongYaml({body}: Block): string[] {
  const value: unknown = parse(body);
  if (value === null) return [];
  if (Array.isArray(value))
    return workflowErrors(`on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n${indented(body, 6)}`);
  const keys = Object.keys(value as object);
  if (keys.includes('version')) return configErrors(body);
  if (keys.includes('jobs')) return workflowErrors(keys.includes('on') ? body : `on: push\n${body}`);
  if (keys.includes('runs') || keys.includes('inputs')) return [];
  return configErrors(
    `version: 1\nproduct: snippet\n${keys.includes('frontend') ? '' : 'frontend: {project: a, url: https://a.example}\n'}${keys.includes('backend') ? '' : 'backend: {service: a, url: https://b.example}\n'}${body}`,
  );
}

function workflowErrors(content: string): string[] {
  const {context} = parseWorkflow({name: 'snippet.yml', content}, new NoOperationTraceWriter());
  return context.errors.getErrors().map((error) => error.message);
}

function configErrors(text: string): string[] {
  try {
    parseConfig(text, 'snippet.yml');
    return [];
  } catch (error) {
    return [(error as Error).message];
  }
}

const indented = (text: string, by: number) =>
  text
    .split('\n')
    .map((line) => (line ? ' '.repeat(by) + line : line))
    .join('\n');

/** Commands of ours in shell blocks and inline code that do not exist. */
function unknownCommands(text: string): string[] {
  const scripts = Object.keys((JSON.parse(textOf('package.json')) as {scripts: object}).scripts);
  const code = [
    ...blocksOf('', text)
      .filter(({language}) => ['sh', 'console', ''].includes(language))
      .map(({body}) => body),
    ...[...without(text).matchAll(/`([^`\n]+)`/g)].map((match) => match[1]!),
  ].join('\n');
  const npm = [...code.matchAll(/\bnpm run ([\w:-]+)/g)]
    .map((match) => match[1]!)
    .filter((name) => !scripts.includes(name) && name !== '-s');
  const own = [...code.matchAll(/(?:^|&& |\$ |<\()switchback ([a-z]+)\b( --[a-z-]+)*/gm)]
    .map((match) => match[1]!)
    .filter((name) => !commands.some((command) => command.name === name));
  const files = [...code.matchAll(/\bnode (scripts\/[\w./-]+)/g)]
    .map((match) => match[1]!)
    .filter((file) => !existsSync(join(root, file)));
  return [...npm, ...own, ...files];
}

describe('documentation', () => {
  test.each(pages)('%s: every link leads somewhere', (page) => expect(brokenLinks(page)).toEqual([]));
  test.each(pages)('%s: every command exists', (page) => expect(unknownCommands(textOf(page))).toEqual([]));

  test.each(
    blocks.filter(({language}) => ['yaml', 'yml'].includes(language)).map((block) => [block.at, block] as const),
  )('%s: the snippet is well', (_at, block) => expect(wrongYaml(block)).toEqual([]));

  test('every action has its page', () => {
    const actions = readdirSync(join(root, 'actions')).filter((name) =>
      existsSync(join(root, 'actions', name, 'action.yml')),
    );
    expect(actions.filter((name) => !existsSync(join(root, 'action-docs', `${name}.md`)))).toEqual([]);
  });

  test('every command is on the page of the terminal', () => {
    const page = textOf('action-docs/terminal.md');
    expect(commands.filter(({name}) => !page.includes(`\`${name}\``)).map(({name}) => name)).toEqual([]);
  });

  test('every error code is on its page', () => {
    const run = spawnSync(process.execPath, [join(root, 'scripts', 'docs-errors.mjs'), '--check'], {encoding: 'utf8'});
    expect(run.stderr + run.stdout).toMatch(/^\d{2,} error codes/);
  });
});

describe('what these checks find', () => {
  test.each<[what: string, found: unknown[]]>([
    ['a link to nothing', brokenLinks('README.md', '[a](gone.md)')],
    ['an anchor that is not there', brokenLinks('README.md', '# One\n\n[a](#two)')],
    ['a script that is not there', unknownCommands('```sh\nnpm run nothing\n```')],
    ['a command that is not there', unknownCommands('Run `switchback undo` now')],
    [
      'a workflow that GitHub refuses',
      wrongYaml({at: '', language: 'yaml', body: 'on: push\njobs: {a: {steps: []}}\n'}),
    ],
    ['a step with an unknown key', wrongYaml({at: '', language: 'yaml', body: '- usess: a/b@c\n'})],
    ['a configuration with an unknown key', wrongYaml({at: '', language: 'yaml', body: 'gates: {}\n'})],
  ])('%s', (_what, found) => expect(found.length).toBeGreaterThan(0));
});

import {readFile} from 'node:fs/promises';
import {join, relative} from 'node:path';
import {convertWorkflowTemplate, isMapping, NoOperationTraceWriter, parseWorkflow} from '@actions/workflow-parser';
import {convertActionTemplate, parseAction} from '@actions/workflow-parser/actions/index';
import {ErrorPolicy} from '@actions/workflow-parser/model/convert';
import {ensureStatusFunction} from '@actions/workflow-parser/model/converter/if-condition';
import {messageOf, type Problem} from '../../kernel/errors.js';
import {child, entriesOf, itemsOf, lineOf, literalText, type Template} from './template.js';

/** A workflow file or action manifest as read, with nothing evaluated yet. */

export interface StepDefinition {
  /** '' when the file gives none. */
  readonly id: string;
  readonly name?: Template;
  /** Complete condition: `success() && (…)` is already around one without a status function. */
  readonly condition: string;
  readonly uses?: string;
  readonly run?: Template;
  readonly with?: Template;
  readonly env?: Template;
  readonly shell?: Template;
  readonly workingDirectory?: Template;
  readonly timeoutMinutes?: Template;
  readonly continueOnError?: Template;
  readonly line: number | undefined;
}

export interface JobDefinition {
  readonly id: string;
  /** The whole mapping, for keys that are read where they are used. */
  readonly body: Template;
  readonly needs: readonly string[];
  readonly condition: string;
  /** A called workflow; then there are no steps. */
  readonly uses?: string;
  readonly steps: readonly StepDefinition[];
}

export interface WorkflowDefinition {
  /** Absolute path of the file, and the folder of the repository it belongs to. */
  readonly file: string;
  readonly root: string;
  /** Path inside the repository, as problems name it. */
  readonly path: string;
  readonly name: string;
  readonly body: Template;
  /** Event name to its settings (undefined when it has none). */
  readonly events: ReadonlyMap<string, Template | undefined>;
  readonly jobs: readonly JobDefinition[];
}

export interface ActionDefinition {
  /** Folder of action.yml. */
  readonly folder: string;
  /** Folder of the repository that holds it: `$/…` inside resolves against it. */
  readonly root: string;
  /** `owner/name` and ref of a third-party action; '' for the others. */
  readonly repository: string;
  readonly ref: string;
  readonly name: string;
  readonly manifest: string;
  readonly inputs: ReadonlyMap<string, {readonly default?: Template; readonly deprecationMessage?: string}>;
  readonly outputs: ReadonlyMap<string, Template | undefined>;
  readonly runs: NodeRuns | CompositeRuns;
}

export interface NodeRuns {
  readonly kind: 'node';
  readonly main: string;
  readonly pre?: string;
  readonly preIf: string;
  readonly post?: string;
  readonly postIf: string;
}

export interface CompositeRuns {
  readonly kind: 'composite';
  readonly steps: readonly StepDefinition[];
}

/** Reads and validates a workflow; what is wrong goes to `problems`, and undefined comes back when it cannot be read at all. */
export async function readWorkflow(
  file: string,
  root: string,
  problems: Problem[],
): Promise<WorkflowDefinition | undefined> {
  const path = relative(root, file);
  const content = await contentOf(file, path, problems);
  if (content === undefined) return undefined;
  const {context, value} = parseWorkflow({name: path, content}, new NoOperationTraceWriter());
  // Converting finds what the schema cannot: cycles, unknown needs, doubled step ids, conditions.
  if (value) await convertWorkflowTemplate(context, value, undefined, {errorPolicy: ErrorPolicy.TryConversion});
  const errors = context.errors.getErrors();
  for (const error of errors) problems.push(parserProblem(path, error.message));
  if (!value || !isMapping(value) || errors.length) return undefined;
  return {
    file,
    root,
    path,
    name: literalText(value.find('name')) ?? path,
    body: value,
    events: eventsOf(value.find('on')),
    jobs: entriesOf(value.find('jobs')).map(([id, body]) => jobOf(id, body)),
  };
}

/** Reads `action.yml` of a folder; problems are thrown away by callers that only ask whether it can be read. */
export async function readAction(
  folder: string,
  from: {readonly root: string; readonly repository: string; readonly ref: string},
  problems: Problem[],
): Promise<ActionDefinition | undefined> {
  const file = await manifestIn(folder);
  if (!file) {
    problems.push({
      where: relative(from.root, folder) || '.',
      what: 'holds no action.yml',
      remedy: 'Correct the path in `uses`',
    });
    return undefined;
  }
  const path = relative(from.root, file.path);
  const {context, value} = parseAction({name: path, content: file.content}, new NoOperationTraceWriter());
  if (value) convertActionTemplate(context, value, {errorPolicy: ErrorPolicy.TryConversion});
  const errors = context.errors.getErrors();
  for (const error of errors) problems.push(parserProblem(path, error.message));
  if (!value || errors.length) return undefined;
  const runs = runsOf(child(value, 'runs'), path, problems);
  if (!runs) return undefined;
  return {
    folder,
    ...from,
    name: literalText(child(value, 'name')) ?? '',
    manifest: path,
    inputs: new Map(entriesOf(child(value, 'inputs')).map(([id, input]) => [id, inputOf(input)])),
    outputs: new Map(entriesOf(child(value, 'outputs')).map(([id, output]) => [id, child(output, 'value')])),
    runs,
  };
}

/** `line` of a template as a place: `.github/workflows/x.yml:12`. */
export function place(path: string, template: Template | number | undefined): string {
  const line = typeof template === 'number' ? template : lineOf(template);
  return line === undefined ? path : `${path}:${line}`;
}

function jobOf(id: string, body: Template): JobDefinition {
  const needs = child(body, 'needs');
  return {
    id,
    body,
    needs: itemsOf(needs).length ? itemsOf(needs).map(String) : needs ? [String(needs)] : [],
    condition: conditionOf(child(body, 'if')),
    uses: literalText(child(body, 'uses')),
    steps: itemsOf(child(body, 'steps')).map(stepOf),
  };
}

function stepOf(step: Template): StepDefinition {
  return {
    id: literalText(child(step, 'id')) ?? '',
    name: child(step, 'name'),
    condition: conditionOf(child(step, 'if')),
    uses: literalText(child(step, 'uses')),
    run: child(step, 'run'),
    with: child(step, 'with'),
    env: child(step, 'env'),
    shell: child(step, 'shell'),
    workingDirectory: child(step, 'working-directory'),
    timeoutMinutes: child(step, 'timeout-minutes'),
    continueOnError: child(step, 'continue-on-error'),
    line: lineOf(step),
  };
}

function conditionOf(template: Template | undefined): string {
  if (!template) return 'success()';
  const text = 'expression' in template ? String(template.expression) : String(template).trim();
  return text ? ensureStatusFunction(text, template.definitionInfo) : 'success()';
}

function eventsOf(on: Template | undefined): Map<string, Template | undefined> {
  if (on && isMapping(on)) return new Map(entriesOf(on));
  const names = itemsOf(on);
  return new Map((names.length ? names : on ? [on] : []).map((name) => [String(name), undefined]));
}

function inputOf(input: Template): {default?: Template; deprecationMessage?: string} {
  return {default: child(input, 'default'), deprecationMessage: literalText(child(input, 'deprecationMessage'))};
}

function runsOf(runs: Template | undefined, path: string, problems: Problem[]): NodeRuns | CompositeRuns | undefined {
  const using = literalText(child(runs, 'using')) ?? '';
  if (using === 'composite') return {kind: 'composite', steps: itemsOf(child(runs, 'steps')).map(stepOf)};
  if (!/^node(20|24)$/.test(using)) {
    const what = `runs.using: ${using} is not supported by this engine`;
    problems.push({where: place(path, runs), what, remedy: 'Use node24 or composite'});
    return undefined;
  }
  return {
    kind: 'node',
    main: literalText(child(runs, 'main')) ?? '',
    pre: literalText(child(runs, 'pre')),
    preIf: literalText(child(runs, 'pre-if')) ?? 'always()',
    post: literalText(child(runs, 'post')),
    postIf: literalText(child(runs, 'post-if')) ?? 'always()',
  };
}

async function contentOf(file: string, path: string, problems: Problem[]): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    problems.push({
      where: path,
      what: `cannot be read (${messageOf(error)})`,
      remedy: 'Correct the path of the workflow',
    });
    return undefined;
  }
}

async function manifestIn(folder: string): Promise<{path: string; content: string} | undefined> {
  for (const name of ['action.yml', 'action.yaml']) {
    const path = join(folder, name);
    const content = await readFile(path, 'utf8').catch(() => undefined);
    if (content !== undefined) return {path, content};
  }
  return undefined;
}

/** The parser writes `path (Line: 3, Col: 5): text`. */
function parserProblem(path: string, message: string): Problem {
  const match = /^(?:.*?)\s*\(Line: (\d+), Col: \d+\): (.*)$/s.exec(message);
  return match
    ? {where: place(path, Number(match[1])), what: match[2]!.replace(/\.$/, ''), remedy: 'Correct the file'}
    : {where: path, what: message.replace(/\.$/, ''), remedy: 'Correct the file'};
}

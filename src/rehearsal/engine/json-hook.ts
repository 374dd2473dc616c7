import {readFile} from 'node:fs/promises';
import * as nodeModule from 'node:module';

/**
 * @actions/workflow-parser imports its two JSON schemas without an import attribute, which plain Node refuses.
 * This file is both the hook that serves them (Node loads it again on the hook thread) and its registration.
 */

type LoadResult = {format: string; shortCircuit?: boolean; source: string | Buffer};
type Load = (url: string, context: unknown) => LoadResult;

const isSchema = (url: string) => url.includes('/@actions/workflow-parser/') && url.endsWith('.json');

/** Asynchronous hook for `module.register` (Node 20). */
export async function load(url: string, context: unknown, next: Load): Promise<LoadResult> {
  return isSchema(url)
    ? {format: 'json', shortCircuit: true, source: await readFile(new URL(url))}
    : next(url, context);
}

let registered = false;

/** Call before the first import of the parser; repeating it is harmless. */
export function registerJsonHook(): void {
  // Jest loads modules itself, JSON included, and never asks Node's hooks.
  if (registered || 'jest' in import.meta) return;
  registered = true;
  nodeModule.register(import.meta.url);
}

import {createHash} from 'node:crypto';
import {readdirSync, readFileSync} from 'node:fs';
import {join, relative, sep} from 'node:path';
import {globPattern} from './glob.js';

/**
 * The function `hashFiles`: SHA-256 over the SHA-256 digests of all matching files below the workspace, in path order;
 * '' when nothing matches. A pattern with `!` takes files out again.
 */
export function hashFiles(workspace: string, patterns: readonly string[]): string {
  const rules = patterns
    .flatMap((text) => text.split('\n'))
    .map((text) => text.trim())
    .filter((text) => text && !text.startsWith('#'))
    .map((text) => ruleOf(text, workspace));
  const matched = filesBelow(workspace).filter((path) => chosen(path, rules));
  if (matched.length === 0) return '';
  const total = createHash('sha256');
  for (const path of matched)
    total.update(
      createHash('sha256')
        .update(readFileSync(join(workspace, path)))
        .digest(),
    );
  return total.digest('hex');
}

interface Rule {
  readonly excludes: boolean;
  readonly pattern: RegExp;
}

function ruleOf(text: string, workspace: string): Rule {
  const excludes = text.startsWith('!');
  const glob = excludes ? text.slice(1) : text;
  const inside = glob.startsWith(workspace + sep) ? relative(workspace, glob) : glob.replace(/^\.\//, '');
  return {excludes, pattern: globPattern(inside)};
}

function chosen(path: string, rules: readonly Rule[]): boolean {
  return rules.reduce((is, rule) => (rule.pattern.test(path) ? !rule.excludes : is), false);
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, {recursive: true, withFileTypes: true})
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

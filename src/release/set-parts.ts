import {readFile} from 'node:fs/promises';
import {resolve} from 'node:path';
import {openAssets} from '../backup/assets-part.js';
import type {PartSource} from '../backup/part-writer.js';
import type {BackupConfig, Config} from '../config/schema.js';
import {messageOf} from '../kernel/errors.js';
import type {Component, PlatformCall} from '../platforms/platform.js';
import {openPlatforms, type PlatformTokens} from './connection.js';

/** Parts beside the database, and what could not be had. */
export interface SetParts {
  readonly parts: PartSource[];
  /** What is missing from the set, for the manifest and the summary. */
  readonly warnings: string[];
}

export interface PartsContext {
  readonly root: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** Path of the configuration file, which becomes part of the set. */
  readonly file: string;
  log(line: string): void;
  mask(value: string): void;
}

/** Asset folders and configuration, as the file describes them. */
export async function openParts(
  config: Config,
  settings: BackupConfig,
  tokens: PlatformTokens,
  include: {readonly assets: boolean; readonly configuration: boolean},
  context: PartsContext,
): Promise<SetParts> {
  const folders = include.assets ? settings.assets : [];
  const assets = await Promise.all(
    folders.map((name) => openAssets({folder: resolve(context.root, name), name}, context.env, context.signal)),
  );
  const parts = assets.map(({part}) => part);
  if (!include.configuration) return {parts, warnings: []};
  const {document, warnings} = await readConfiguration(config, tokens, context);
  return {parts: [...parts, configurationPart(document)], warnings};
}

/**
 * What it takes to set the product up again. A platform that cannot be asked leaves a warning instead of stopping the
 * backup: the rows of the database are what cannot be made again.
 */
export async function readConfiguration(
  config: Config,
  tokens: PlatformTokens,
  context: PartsContext,
): Promise<{readonly document: Record<string, unknown>; readonly warnings: string[]}> {
  const warnings: string[] = [];
  const document: Record<string, unknown> = {
    schema: 'switchback-configuration/1',
    file: await readFile(resolve(context.root, context.file), 'utf8').catch(() => undefined),
  };
  for (const component of ['frontend', 'backend'] as const) {
    if (!config[component]) continue;
    try {
      document[component] = await readComponent(config, tokens, component, context);
    } catch (error) {
      if (context.signal.aborted) throw error;
      warnings.push(
        `The configuration of the ${component} is not in this set: ${messageOf(error).split('\n').slice(-1)[0]}`,
      );
    }
  }
  return {document, warnings};
}

async function readComponent(
  config: Config,
  tokens: PlatformTokens,
  component: Component,
  {signal, log, mask}: PartsContext,
): Promise<unknown> {
  const call: PlatformCall = {signal, progress: log};
  const platform = (await openPlatforms(config, tokens, [component], {mask}))[component]!;
  const [settings, live] = await Promise.all([platform.settings(call), platform.readLive(call)]);
  return {platform: platform.name, settings, live};
}

function configurationPart(document: Record<string, unknown>): PartSource {
  async function* stream() {
    yield Buffer.from(`${JSON.stringify(document, undefined, 2)}\n`);
  }
  return {
    role: 'configuration',
    name: 'platforms',
    key: 'configuration.json.pgp',
    format: 'json',
    compression: {method: 'none', where: 'none'},
    stream: stream(),
  };
}

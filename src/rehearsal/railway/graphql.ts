import {randomUUID} from 'node:crypto';
import {
  buildSchema,
  type DocumentNode,
  type ExecutionResult,
  execute,
  extendSchema,
  GraphQLError,
  type GraphQLFieldResolver,
  type GraphQLSchema,
  Kind,
  parse,
  specifiedRules,
  validate,
} from 'graphql';
import type {Access} from './access.js';
import {problemProcessing, refuse} from './access.js';
import {railwaySdl} from './schema.js';

/** Answers one GraphQL request over the stand-in's schema, in the platform's error shapes. */

interface GraphqlAnswer {
  readonly status: number;
  readonly body: unknown;
}

export interface Asked {
  readonly query?: unknown;
  readonly variables?: unknown;
  readonly operationName?: unknown;
}

export type RootFields = Readonly<Record<string, (args: never, access: Access) => unknown>>;

interface GraphqlOptions {
  readonly roots: RootFields;
  readonly access: Access;
  readonly validationStatus: 200 | 400;
  /** Statuses beyond the published ones that records hold by now. */
  readonly extraStatuses: readonly string[];
}

/** Reads a request's root fields in order, joined by `+`; undefined when it cannot be parsed. */
export function operationName(query: unknown): string | undefined {
  try {
    const document = parse(String(query));
    const operation = document.definitions.find((definition) => definition.kind === Kind.OPERATION_DEFINITION);
    const names =
      operation?.selectionSet.selections.map((selection) =>
        selection.kind === Kind.FIELD ? selection.name.value : '...',
      ) ?? [];
    return [...new Set(names)].join('+');
  } catch {
    return undefined;
  }
}

export async function answerGraphql(asked: Asked, options: GraphqlOptions): Promise<GraphqlAnswer> {
  let document: DocumentNode;
  try {
    document = parse(String(asked.query ?? ''));
  } catch (error) {
    return {status: 400, body: {errors: [shape(error as GraphQLError, 'GRAPHQL_PARSE_FAILED')]}};
  }
  const schema = schemaWith(options.extraStatuses);
  const invalid = validate(schema, document, specifiedRules);
  if (invalid.length > 0)
    return {
      status: options.validationStatus,
      body: {errors: invalid.map((error) => shape(error, 'GRAPHQL_VALIDATION_FAILED'))},
    };
  const {refusal} = options.access;
  if (refusal) return {status: 200, body: {errors: [refused(document, refusal)], data: null}};
  const result = await execute({
    schema,
    document,
    rootValue: options.roots,
    contextValue: options.access,
    variableValues: asked.variables as Record<string, unknown>,
    operationName: asked.operationName as string | undefined,
    fieldResolver: resolveField as GraphQLFieldResolver<unknown, unknown>,
  });
  return {status: 200, body: shaped(result)};
}

const built = new Map<string, GraphQLSchema>();

/** The schema, with an enum wide enough for the statuses in use. */
function schemaWith(extraStatuses: readonly string[]): GraphQLSchema {
  const published = built.get('') ?? buildSchema(railwaySdl);
  built.set('', published);
  if (extraStatuses.length === 0) return published;
  const key = [...new Set(extraStatuses)].sort().join(' ');
  const extended = built.get(key) ?? extendSchema(published, parse(`extend enum DeploymentStatus { ${key} }`));
  built.set(key, extended);
  return extended;
}

/** A field nobody wrote is a fault that shows, never a silent null. */
function resolveField(
  source: Record<string, unknown>,
  args: Record<string, unknown>,
  access: Access,
  info: {fieldName: string},
): unknown {
  if (!(info.fieldName in source)) throw problemProcessing();
  const value = source[info.fieldName];
  return typeof value === 'function'
    ? (value as (args: unknown, access: Access) => unknown).call(source, args, access)
    : value;
}

function refused(document: DocumentNode, message: string): Record<string, unknown> {
  return {
    ...shape(refuse(message), 'INTERNAL_SERVER_ERROR'),
    path: [operationName(document.loc?.source.body)?.split('+')[0] ?? ''],
  };
}

function shaped(result: ExecutionResult): unknown {
  if (!result.errors) return {data: result.data};
  return {
    errors: result.errors.map((error) => shape(error, error.path ? 'INTERNAL_SERVER_ERROR' : 'BAD_USER_INPUT')),
    data: result.data ?? null,
  };
}

/** `traceId` stands beside `message`, not under `extensions`. A bug of ours is hidden like one of theirs. */
function shape(error: GraphQLError, code: string): Record<string, unknown> {
  const ours = error.originalError !== undefined && !(error.originalError instanceof GraphQLError);
  if (ours) process.emitWarning(`stand-in: ${error.originalError?.stack ?? error.message}`);
  const message = ours ? 'Problem processing request' : error.message;
  return {
    message,
    locations: error.locations ?? [],
    ...(error.path ? {path: error.path} : {}),
    extensions: 'code' in error.extensions ? error.extensions : {code},
    traceId: randomUUID().replaceAll('-', '').slice(0, 19),
  };
}

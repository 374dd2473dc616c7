import {z} from 'zod';
import {badRequest, refused} from './refusal.js';

const strings = z.record(z.string(), z.string());
const nullableString = z.string().nullable();
const anything = z.any().optional();

const file = z.strictObject({
  file: z.string().min(1),
  sha: z
    .string()
    .regex(/^[0-9a-f]{40}$/)
    .optional(),
  size: z.number().int().nonnegative().optional(),
  mode: z.number().int().optional(),
  data: z.string().optional(),
  encoding: z.enum(['base64', 'utf-8']).optional(),
});

const projectSettings = z.strictObject({
  buildCommand: nullableString.optional(),
  commandForIgnoringBuildStep: nullableString.optional(),
  devCommand: nullableString.optional(),
  framework: nullableString.optional(),
  installCommand: nullableString.optional(),
  nodeVersion: z.enum(['24.x', '22.x', '20.x', '18.x', '16.x', '14.x', '12.x', '10.x', '8.10.x']).optional(),
  outputDirectory: nullableString.optional(),
  rootDirectory: nullableString.optional(),
  serverlessFunctionRegion: nullableString.optional(),
  skipGitConnectDuringLink: z.boolean().optional(),
  sourceFilesOutsideRootDirectory: z.boolean().optional(),
});

const gitMetadata = z.strictObject({
  ci: z.boolean().optional(),
  ciGitProviderUsername: z.string().optional(),
  ciGitRepoVisibility: z.string().optional(),
  ciType: z.string().optional(),
  commitAuthorEmail: z.string().optional(),
  commitAuthorName: z.string().optional(),
  commitMessage: z.string().optional(),
  commitRef: z.string().optional(),
  commitSha: z.string().optional(),
  dirty: z.boolean().optional(),
  remoteUrl: z.string().optional(),
  rootDirectory: z.string().optional(),
});

const schema = z.strictObject({
  name: z
    .string()
    .max(100)
    .regex(/^[a-z0-9._-]+$/)
    .optional(),
  project: z.string().optional(),
  target: z.enum(['production', 'staging', 'preview']).optional(),
  meta: strings.optional(),
  files: z.array(file).optional(),
  deploymentId: z.string().optional(),
  projectSettings: projectSettings.optional(),
  gitMetadata: gitMetadata.optional(),
  autoAssignCustomDomains: z.boolean().optional(),
  customEnvironmentSlugOrId: z.string().optional(),
  env: strings.optional(),
  build: z.strictObject({env: strings.optional()}).optional(),
  regions: z.array(z.string()).optional(),
  version: z.literal(2).optional(),
  source: z.string().optional(),
  public: z.boolean().optional(),
  monorepoManager: nullableString.optional(),
  withLatestCommit: z.boolean().optional(),
  actor: z.string().optional(),
  alias: anything,
  buildMachine: anything,
  builds: z.array(anything).optional(),
  bulkRedirectsPath: anything,
  bunVersion: z.string().optional(),
  cleanUrls: z.boolean().optional(),
  crons: z.array(anything).optional(),
  fluid: z.boolean().optional(),
  functions: anything,
  git: anything,
  gitSource: anything,
  github: anything,
  headers: z.array(anything).optional(),
  images: anything,
  manualProvisioning: anything,
  redirects: z.array(anything).optional(),
  rewrites: z.array(anything).optional(),
  routes: z.array(anything).nullable().optional(),
  trailingSlash: z.boolean().optional(),
});

export type DeploymentBody = z.infer<typeof schema>;
export type DeploymentFile = z.infer<typeof file>;

export const maxFiles = 15_000;

/** The body of a request for a deployment, read as strictly as the platform reads it. */
export function parseDeploymentBody(value: unknown): DeploymentBody {
  const files = (value as {files?: unknown}).files;
  if (Array.isArray(files) && files.length > maxFiles)
    throw badRequest(`\`files\` should NOT have more than ${maxFiles} items`);
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw schemaRefusal(parsed.error);
  if (!parsed.data.name && !parsed.data.project)
    throw refused(400, 'bad_request', 'Invalid request: missing required property `name`.');
  return parsed.data;
}

function schemaRefusal(error: z.ZodError): Error {
  const issue = error.issues[0]!;
  const where = issue.path.length ? `\`${issue.path.join('.')}\` ` : '';
  if (issue.code === 'unrecognized_keys')
    return badRequest(`${where}should NOT have additional property \`${issue.keys[0]}\`.`);
  if (issue.code === 'invalid_value')
    return badRequest(`${where}should be equal to one of the allowed values "${issue.values.join(', ')}".`);
  return badRequest(
    `${where}${issue.code === 'invalid_type' ? `should be ${issue.expected}` : `is invalid: ${issue.message}`}.`,
  );
}

import type { TokenCredential } from '@azure/core-auth';
import {
  AzureCliCredential,
  AzureDeveloperCliCredential,
  AzurePowerShellCredential,
  CredentialUnavailableError,
  DefaultAzureCredential,
  EnvironmentCredential,
  ManagedIdentityCredential,
  VisualStudioCodeCredential,
  WorkloadIdentityCredential,
} from '@azure/identity';
import { errorMessage } from '../errors.ts';

/** One credential of the chain. */
export interface NamedCredential {
  /** Its class, as @azure/identity documents it. */
  name: string;
  credential: TokenCredential;
}

interface Options {
  /** Makes the options of the credentials, anew for each, because the credentials modify them. */
  credentialOptions: () => object;
  /** AZURE_TOKEN_CREDENTIALS: `prod`, `dev`, or the name of one credential, in any letter case; empty or undefined: all. */
  selection: string | undefined;
  /** AZURE_CLIENT_ID. */
  clientId: string | undefined;
  /** Called with one sentence if a new version of the SDK hides the credentials. */
  onWarning: (message: string) => void;
  /** The chain of the SDK; tests have another one. */
  chain?: object;
}

/** The credentials of a DefaultAzureCredential that @azure/identity exports. */
const CLASSES: Record<string, new (options: object) => TokenCredential> = {
  EnvironmentCredential,
  WorkloadIdentityCredential,
  ManagedIdentityCredential,
  VisualStudioCodeCredential,
  AzureCliCredential,
  AzurePowerShellCredential,
  AzureDeveloperCliCredential,
};

const FOR_PRODUCTION = ['EnvironmentCredential', 'WorkloadIdentityCredential', 'ManagedIdentityCredential'];
const FOR_DEVELOPMENT = [
  'VisualStudioCodeCredential',
  'AzureCliCredential',
  'AzurePowerShellCredential',
  'AzureDeveloperCliCredential',
  // Not exported; it works only with a further package.
  'BrokerCredential',
];

/**
 * The credentials of a DefaultAzureCredential, in the documented order. It does not say which one of them got a token or which ones
 * it left out, so each must be reached by itself: through a private field, because there is no other way. If a version of the SDK
 * lacks that field, or has another order, the credentials are created here.
 *
 * @see https://learn.microsoft.com/azure/developer/javascript/sdk/authentication/credential-chains#defaultazurecredential-overview
 */
export function defaultCredentials(options: Options): NamedCredential[] {
  const names = namesOf(options.selection);
  const chain = options.chain ?? new DefaultAzureCredential(options.credentialOptions());
  const sources: unknown = Reflect.get(chain, '_sources');
  if (!Array.isArray(sources) || !isInOrder(sources, names)) {
    options.onWarning(
      'This version of @azure/identity hides the credentials of its chain: the service uses a chain of its own',
    );
    return names.filter((name) => name in CLASSES).map((name) => ({ name, credential: create(name, options) }));
  }
  return names.map((name, i) => {
    const source: TokenCredential = sources[i];
    // In the place of a credential whose constructor threw is one that says nothing.
    const isLeftOut = name in CLASSES && classOf(source) !== name;
    return { name, credential: isLeftOut ? create(name, options) : source };
  });
}

function namesOf(selection: string | undefined): string[] {
  const chosen = selection?.trim().toLowerCase() ?? '';
  const all = [...FOR_PRODUCTION, ...FOR_DEVELOPMENT];
  if (chosen === '') return all;
  if (chosen === 'prod') return FOR_PRODUCTION;
  if (chosen === 'dev') return FOR_DEVELOPMENT;
  return all.filter((name) => name.toLowerCase() === chosen);
}

function isInOrder(sources: unknown[], names: string[]): boolean {
  return (
    sources.length === names.length && sources.every((source, i) => [undefined, names[i]].includes(classOf(source)))
  );
}

function classOf(source: unknown): string | undefined {
  return Object.keys(CLASSES).find((name) => source instanceof (CLASSES[name] ?? Object));
}

/** Creates a credential as DefaultAzureCredential does. If its constructor throws, it fails with that reason. */
function create(name: string, { credentialOptions, clientId, selection }: Options): TokenCredential {
  const Class = CLASSES[name];
  // Not in its types: without a probe, the rest of the chain would wait for a metadata service that is not there.
  const managedIdentity = { ...(clientId && { clientId }), sendProbeRequest: namesOf(selection).length > 1 };
  try {
    if (!Class) throw new Error(`${name} is unknown`);
    return new Class({ ...credentialOptions(), ...(Class === ManagedIdentityCredential && managedIdentity) });
  } catch (cause) {
    return unavailable(errorMessage(cause));
  }
}

/** A credential that fails with this message; the chain goes on. */
export function unavailable(message: string): TokenCredential {
  return {
    async getToken() {
      throw new CredentialUnavailableError(message);
    },
  };
}

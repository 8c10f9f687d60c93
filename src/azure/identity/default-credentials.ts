import type { TokenCredential } from '@azure/core-auth';
import { CredentialUnavailableError, DefaultAzureCredential } from '@azure/identity';
import { errorMessage } from '../errors.ts';

/** One credential of the chain. */
export interface NamedCredential {
  /** Its class, as @azure/identity documents it. */
  name: string;
  credential: TokenCredential;
}

/** It works only with a further package, and that is all it could say. */
const BROKER = 'BrokerCredential';

const FOR_PRODUCTION = ['EnvironmentCredential', 'WorkloadIdentityCredential', 'ManagedIdentityCredential'];
const FOR_DEVELOPMENT = [
  'VisualStudioCodeCredential',
  'AzureCliCredential',
  'AzurePowerShellCredential',
  'AzureDeveloperCliCredential',
  BROKER,
];

/**
 * The credentials of a DefaultAzureCredential, in the documented order. It does not say which one of them got a token or which ones
 * it left out, so each must be reached by itself: through private fields, because there is no other way. A test fails if a version
 * of the SDK has other fields or another order.
 *
 * @param selection AZURE_TOKEN_CREDENTIALS: `prod`, `dev`, or the name of one credential, in any letter case; empty or undefined: all
 * @see https://learn.microsoft.com/azure/developer/javascript/sdk/authentication/credential-chains#defaultazurecredential-overview
 */
export function defaultCredentials(options: object, selection: string | undefined): NamedCredential[] {
  const sources: unknown = Reflect.get(new DefaultAzureCredential(options), '_sources');
  if (!Array.isArray(sources)) throw new Error('This version of @azure/identity hides the credentials of its chain');
  return namesOf(selection).map((name, i) => {
    const source: TokenCredential = sources[i];
    // In the place of a credential whose constructor threw is one that keeps the reason to itself.
    const reason: unknown = Reflect.get(source, 'credentialUnavailableErrorMessage');
    const isLeftOut = typeof reason === 'string' && name !== BROKER;
    return { name, credential: isLeftOut ? unavailable(errorMessage(reason)) : source };
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

/** A credential that fails with this message; the chain goes on. */
export function unavailable(message: string): TokenCredential {
  return {
    async getToken() {
      throw new CredentialUnavailableError(message);
    },
  };
}

/**
 * Finds variables that nothing here reads although they look like ones that are read: those of other tools, and misspelt ones.
 * Only their names are ever used.
 */

/** The variables that @azure/identity and this service read, by their names without prefix and underscores. */
const READ: Record<string, string> = Object.fromEntries(
  [
    'AZURE_CLIENT_ID',
    'AZURE_TENANT_ID',
    'AZURE_CLIENT_SECRET',
    'AZURE_CLIENT_CERTIFICATE_PATH',
    'AZURE_CLIENT_CERTIFICATE_PASSWORD',
    'AZURE_FEDERATED_TOKEN_FILE',
    'AZURE_SUBSCRIPTION_ID',
    'AZURE_AUTHORITY_HOST',
    'AZURE_TOKEN_CREDENTIALS',
    'AZURE_USERNAME',
    'AZURE_PASSWORD',
  ].map((name) => [name.slice('AZURE_'.length).replaceAll('_', ''), name]),
);

/** The prefixes of Terraform, older libraries and common habits; the longest first, so that it is removed as a whole. */
const PREFIX =
  /^(USER_ASSIGNED_(MANAGED_)?IDENTITY|SERVICE_PRINCIPAL|MANAGED_IDENTITY|AZURE_?AD|WORKLOAD_IDENTITY|AZURERM|AZURE|ENTRA|UAMI|IDENTITY|ARM|AAD|MSI|SPN|AZ|SP)_/;

/** Without such a prefix, only these names are meant for Azure. */
const BARE = /^(CLIENT_ID|TENANT_ID|CLIENT_SECRET)$/;

/** Other words for the same thing, without prefix and underscores. */
const SYNONYMS: [RegExp, string][] = [
  [
    /^(MSI|SPN?|UAMI|MI|AAD|SERVICEPRINCIPAL|WORKLOAD|((USER)?ASSIGNED)?(MANAGED)?IDENTITY)*(CLIENT|APP|APPLICATION)(CLIENT)?ID$/,
    'CLIENTID',
  ],
  [/^(USER)?ASSIGNED(MANAGED)?IDENTITY$/, 'CLIENTID'],
  [/^(AAD|DIRECTORY)*(TENANT|DIRECTORY)(ID)?$/, 'TENANTID'],
  [/^(SPN?|AAD|SERVICEPRINCIPAL)*(CLIENT|APP|APPLICATION)*(SECRET|SECRETKEY|SECRETVALUE)$/, 'CLIENTSECRET'],
  [/^(SPN?|SERVICEPRINCIPAL|CLIENT)(PASSWORD|KEY)$/, 'CLIENTSECRET'],
  [/^(SPN?|CLIENT|APP)*(CERT|CERTIFICATE|PEM|PFX)(PATH|FILE|FILENAME|LOCATION|PEM)*$/, 'CLIENTCERTIFICATEPATH'],
  [/^(SPN?|CLIENT|APP)*(CERT|CERTIFICATE|PEM|PFX)(PASSWORD|PASSPHRASE|PASS)$/, 'CLIENTCERTIFICATEPASSWORD'],
  [/^(FEDERATED|OIDC|WEB|WORKLOAD|IDENTITY)+(TOKEN)?(FILE|PATH)+$/, 'FEDERATEDTOKENFILE'],
  [/^SUB(SCRIPTION)?(ID)?$/, 'SUBSCRIPTIONID'],
  [/^(AUTHORITY|AUTHORITYURL|LOGINENDPOINT|LOGINHOST|CLOUD|CLOUDNAME|ENVIRONMENT)$/, 'AUTHORITYHOST'],
];

/** Variables with a whole credential: for azure/login in GitHub, and the auth file of older libraries. */
const WHOLE = /^(AZURE|ARM)_(CREDENTIALS?|CREDS|AUTH_LOCATION|SERVICE_PRINCIPAL|SP_CREDENTIALS)$/;

/** Maps each set variable that nothing reads to the unset variable that was probably meant. */
export function misnamedVariables(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const misnamed: Record<string, string> = {};
  for (const name of Object.keys(env).sort()) {
    if (!env[name] || name.length > 60) continue;
    const meant = meantBy(name);
    if (meant !== undefined && meant !== name && !env[meant]) misnamed[name] = meant;
  }
  return misnamed;
}

function meantBy(name: string): string | undefined {
  const upper = name.toUpperCase().replaceAll('-', '_');
  if (WHOLE.test(upper)) return 'AZURE_CLIENT_SECRET';
  // The identity endpoint of App Service reads it.
  if (upper === 'MSI_SECRET') return undefined;
  if (Object.values(READ).includes(upper)) return upper;
  const rest = upper.replace(PREFIX, '').replaceAll('_', '');
  if (upper === upper.replace(PREFIX, '') && !BARE.test(upper)) return undefined;
  const synonym = SYNONYMS.find(([form]) => form.test(rest))?.[1] ?? rest;
  const exact = READ[synonym];
  if (exact) return exact;
  // A typo, if the prefix shows that Azure is meant.
  if (!upper.startsWith('AZURE_')) return undefined;
  const near = Object.keys(READ).find((known) => distance(known, rest) <= 2);
  return near && READ[near];
}

/** The Levenshtein distance: how many letters to change, remove or insert. */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let i = 1; i <= one.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (one[i - 1] === other[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[other.length] ?? 0;
}

/**
 * Import this before any library: it removes the variables that make the Azure SDK and the packages below it print to stderr on
 * their own, without redaction, from the moment they are loaded. LOG_LEVEL decides what our log shows of the SDK's.
 */
for (const name of ['AZURE_LOG_LEVEL', 'TYPESPEC_RUNTIME_LOG_LEVEL', 'DEBUG']) delete process.env[name];

import { defineConfig } from 'rolldown';

// The bundler that the tests' own tool chain brings along. One file: the Azure SDK's 54 MB of packages shrink to what is used.
export default defineConfig({
  input: 'src/main.ts',
  platform: 'node',
  output: {
    file: 'dist/main.js',
    format: 'esm',
    minify: true,
    // One file, whatever the SDK imports lazily.
    codeSplitting: false,
    // The diagnosis names credentials by their class, as do the SDK's own messages.
    keepNames: true,
    // For stack traces, without the sources themselves.
    sourcemap: true,
    sourcemapExcludeSources: true,
  },
});

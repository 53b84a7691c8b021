import tseslint from 'typescript-eslint';
import { layerRules } from './scripts/lint/layer-rules.mjs';
import { layers } from './scripts/lint/layers.mjs';
import { passThrough } from './scripts/lint/pass-through.mjs';
import { stepPaths } from './scripts/lint/step-paths.mjs';

/** A program of a test that ends by itself has ended too early on a machine that is slow enough. */
const timedScripts = ['Literal[value', 'TemplateElement[value.raw'].map((text) => ({
  selector: `${text}=/\\bsleep ([2-9]|\\d{2,4})(\\.\\d+)?\\b/]`,
  message: 'Let the script wait for the test (untilGo, go), or write sleep infinity.',
}));

/**
 * Inputs never become shell text or SQL text: the ways to do it are refused, wherever they are
 * written.
 */
const noShell = {
  'no-restricted-imports': [
    'error',
    {
      paths: [
        {
          name: 'node:child_process',
          importNames: ['exec', 'execSync', 'default'],
          message: 'exec runs a shell line. Use spawn or execFile with an array of arguments.',
        },
        { name: 'child_process', message: 'Write node:child_process, so that its rules hold.' },
        {
          name: 'execa',
          importNames: ['$', 'execaCommand', 'execaCommandSync'],
          message: 'These take a command line. Use execa(file, arguments).',
        },
      ],
    },
  ],
  'no-restricted-syntax': [
    'error',
    {
      selector: 'Property[key.name="shell"]:not([value.value=false])',
      message: 'A shell would read inputs as code. Give the program and its arguments as an array.',
    },
    {
      selector:
        'CallExpression[callee.property.name="query"] > TemplateLiteral.arguments > ' +
        '.expressions:not([callee.property.name="escapeIdentifier"])',
      message:
        'Values go into SQL as parameters ($1), never ' +
        'into its text; names through escapeIdentifier.',
    },
  ],
  'no-eval': 'error',
  'no-new-func': 'error',
};

/** Prettier breaks code, and leaves comments and texts as long as they are. */
const width = {
  code: 100,
  ignoreUrls: true,
  ignorePattern: '^(import|export) .* from ',
  ignoreTemplateLiterals: true,
  ignoreRegExpLiterals: true,
};
/** Names of tests, and texts that they expect, stay on one line. */
const widthOfTests = { ...width, ignoreStrings: true };

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', '.runbook/', 'coverage/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.{js,mjs}'],
    languageOptions: {
      sourceType: 'module',
      globals: Object.fromEntries(
        [
          'process',
          'console',
          'performance',
          'URL',
          'Buffer',
          'fetch',
          'setTimeout',
          'clearTimeout',
          'setInterval',
          'clearInterval',
        ].map((name) => [name, 'readonly']),
      ),
    },
    rules: {
      'max-len': ['error', width],
      'no-undef': 'error',
      'no-unused-vars': 'error',
      'prefer-const': 'error',
      eqeqeq: 'error',
      'no-eval': noShell['no-eval'],
      'no-new-func': noShell['no-new-func'],
      'no-restricted-imports': noShell['no-restricted-imports'],
    },
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    plugins: {
      layers: {
        rules: { imports: layers, 'pass-through': passThrough, 'step-paths': stepPaths },
      },
    },
    rules: {
      ...noShell,
      'max-len': ['error', width],
      eqeqeq: ['error', 'always'],
      'layers/pass-through': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      // A promise that nobody awaits is work that nobody knows of: in a durable program the worst
      // of bugs.
      '@typescript-eslint/no-floating-promises': ['error', { ignoreVoid: false }],
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/no-deprecated': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/return-await': ['error', 'error-handling-correctness-only'],
      // A number in a sentence reads the same everywhere.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
    },
  },
  ...layerRules,
  {
    // The doors of the store and of the package, and what bundles of workflows begin with.
    files: [
      '{store,client,workflows}/index.ts',
      'language/expression/index.ts',
      'bench/workflows.ts',
      'test/{chaos,engine}/procedures*.ts',
    ],
    rules: { 'layers/pass-through': 'off' },
  },
  {
    // Where paths of steps are. The other activities know files and addresses.
    files: [
      '{client,common,language,store,worker,workflows}/**/*.ts',
      'activities/{admit,judge,nested-runbooks,step-targets,taken-steps}.ts',
    ],
    ignores: ['language/paths.ts'],
    rules: { 'layers/step-paths': 'error' },
  },
  {
    // Not the product: their tables, databases and roles have names of their own making, which
    // cannot be parameters.
    files: ['test/**/*.ts', 'lab/**/*.ts', 'examples/**/*.ts', 'programs/**/*.ts'],
    rules: { 'no-restricted-syntax': ['error', noShell['no-restricted-syntax'][1]] },
  },
  {
    // They read what others print.
    files: ['programs/**/*.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        {
          object: 'JSON',
          property: 'parse',
          message: 'parseJson keeps the digits of long numbers.',
        },
      ],
    },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      'max-len': ['error', widthOfTests],
      'no-restricted-syntax': ['error', noShell['no-restricted-syntax'][1], ...timedScripts],
      // Jest's matchers are typed any, and a test that finds nothing should fail loudly.
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
);

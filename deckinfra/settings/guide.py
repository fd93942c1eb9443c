"""How configuration works, in prose: the part of ``docs/configuration.md`` that no schema knows."""

from typing import Final

GUIDE: Final = """\
# Configuration

<!-- Made from the settings schema by `invoke env.docs`. Edits here are lost. -->

A setting is a variable. Every variable is declared once, with its type, default and meaning, in a
*settings group*: the groups are listed below, and a plugin may bring its own (see `plugins.md`).

```
invoke env.init  [-e NAME]   write what is missing: the env file, and secrets in .secrets/
invoke env.check [-e NAME]   say everything that is wrong, at once, and how to mend it
invoke env.show  [-e NAME]   show each effective value and where it came from; secrets are hidden
invoke env.docs              write this page and .env.example anew from the schema
```

All of them are safe to run again: `env.init` never changes a value that is there, valid or not.
Settings that a task needs and that are missing or wrong end it with exit code 3 before it has done anything. A
backup or a restore needs those of the project, the database and the backups, and no others. `env.check` and
`doctor` look at all of them, and end with 13 when they found problems.

## Environments

An environment is a name with an env file: `.env.NAME`, except `production`, whose file is `.env`.
To add one, write its env file. `-e NAME` chooses one; otherwise it is what `DECKINFRA_ENVIRONMENT` says in the
process environment, else `default_environment` in `setup.cfg`.

| file | committed | holds |
|---|---|---|
| `.env.example` | yes | every setting with its default, made from the schema; read by nobody |
| `.env.local`, `.env.docker`, `.env.test` | yes | what these environments set; never a secret |
| `.env` | no | what production sets, on the machine where it runs |
| `.secrets/<environment>/<NAME>` | no | one secret each, mode 0600, in folders of mode 0700 |

`DECKINFRA_KIND` says what kind of place an environment is (`local`, or one that a plugin brings), and
`DECKINFRA_STAGE` what it is for. The stage decides what is allowed:

| stage | default for | differs in |
|---|---|---|
| `development` | any other environment | gets example data |
| `test` | `test` | gets example data |
| `production` | `prd`, `live` and `prod…` | no example data; no debug mode; no wildcard or plain-http CORS origin |

## Where a value comes from

The first of these that has one:

1. the process environment: `APP_PORT=9000 invoke ...`
2. the file that `NAME_FILE` names, as in `DATABASE_PASSWORD_FILE=/run/secrets/db`. The variable may be
   in the process environment or in the env file; a relative path starts at the project's folder.
3. `.secrets/<environment>/<NAME>`
4. the environment's env file
5. the default

An empty value is no value: the next source is asked. One newline at the end of a file's content (2
and 3) is not part of the value. A file that is named but cannot be read is an error; nothing falls through.

## Env files

One `NAME=VALUE` a line, UTF-8, with `#` comments; read as python-dotenv reads them, with `$` left alone.
Docker Compose reads the same files, but expands `$` and treats quotes differently in places: values without
quotes and `$` read the same everywhere, which is why generated secrets are letters and digits only.
A list is separated by commas; pairs are written `NAME=VALUE NAME=VALUE`.

## Secrets

A secret is never shown: not in a log, an error, `--json` or `env.show`. A secret in a committed env file is
refused. A password in `DATABASE_URL` is accepted from anywhere else, and taken out of it;
`DATABASE_PASSWORD` goes before it. `env.check` looks for secrets that are placeholders or weak, that other
users of the machine can read, that git has or would commit, and that a `VITE_` name would publish.

## Variables of deckinfra itself

These work in the process environment only, since they are needed before any file is read:

| variable | meaning |
|---|---|
| `DECKINFRA_DISABLE_PLUGINS` | plugins that are not loaded, separated by commas |
| `DECKINFRA_LOAD_PLUGINS` | the only plugins from outside that are loaded, separated by commas; empty: none |
| `DECKINFRA_PROGRESS` | how progress is shown where `--progress` does not say: `auto`, `plain`, `json`, `none` |

## Settings
"""

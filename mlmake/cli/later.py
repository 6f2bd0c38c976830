"""The commands of the contract whose features are not yet built: each says so."""

from mlmake.cli.settings import not_yet

watch = not_yet("watch", "Build again whenever something calls for it")
report = not_yet("report", "Write one page about a run")
import_ = not_yet("import", "Write an Mlfile from another tool's file")
export = not_yet("export", "Write the pipeline for another engine")

def _npm_package(root: Path, *, with_program: bool) -> Path:
    """Return npm's link to the wrapper, in a tree as npm makes it."""
    wrapper = root / "node_modules/@openai/codex/bin/codex.js"
    wrapper.parent.mkdir(parents=True)
    wrapper.write_text("#!/usr/bin/env node\n")
    wrapper.chmod(0o755)
    if with_program:
        name = f"codex-{_SYSTEM}-{_MACHINE}"
        program = root / f"node_modules/@openai/{name}/vendor/triple/bin/codex"
        program.parent.mkdir(parents=True)
        program.write_text("")
    link = root / "node_modules/.bin/codex"
    link.parent.mkdir()
    link.symlink_to(wrapper)
    return link


_SYSTEM = sys.platform
_MACHINE = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


def test_npms_wrapper_is_resolved_to_the_program_behind_it(tmp_path: Path) -> None:
    link = _npm_package(tmp_path, with_program=True)
    assert find_codex(str(link)).parts[-5:-1] == (
        f"codex-{_SYSTEM}-{_MACHINE}",
        "vendor",
        "triple",
        "bin",
    )


def test_a_wrapper_without_its_program_is_refused_with_the_remedy(tmp_path: Path) -> None:
    link = _npm_package(tmp_path, with_program=False)
    with pytest.raises(CodexBinaryError, match="npm install -g @openai/codex"):
        find_codex(str(link))

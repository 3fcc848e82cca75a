"""`image-manage store`, on a folder that the service has left."""

from __future__ import annotations

import pathlib

import pytest

from image.manage import main
from tests.functional.image.import_world import IMAGE, World
from tests.unit.image.s3_server import s3_server


def test_stores_are_listed_checked_and_cleaned(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = World(tmp_path, '', b'data')
    world.upload(IMAGE)
    world.close()
    config = tmp_path / 'pileus.conf'
    with s3_server() as s3:
        far = f'[image_store_far]\nendpoint = {s3.url}\naccess_key = a\nsecret_key = s3cr3t\naddressing = path\ntimeout = 1\n'
        config.write_text(f'[service]\nstate_dir = {tmp_path}/state\n[image]\nstores = one:filesystem,far:s3\n{far}')
        ask = ['--config', str(config), 'store']
        assert main([*ask, 'list']) == 0
        assert capsys.readouterr().out == 'far: s3, weight 0, 0 images\none: filesystem, weight 0, default, 1 images\n'
        assert main([*ask, 'check']) == 1 and 'far: ' in capsys.readouterr().out, 'there is no bucket'
        s3.buckets.add('images')
        assert main([*ask, 'check']) == 0 and capsys.readouterr().out == 'far: works\none: works\n'
        s3.objects['images', f'{IMAGE}.x'] = b'left over'
        assert main([*ask, 'clean', 'far']) == 0 and capsys.readouterr().out == 'far: 1 removed\n' and s3.objects == {}
    assert main([*ask, 'clean', 'one']) == 0 and capsys.readouterr().out == 'one: 0 removed\n'
    config.write_text(f'[service]\nstate_dir = {tmp_path}/state\n[image]\nstores = other:filesystem\n')
    assert main([*ask, 'list']) == 0 and 'one: NOT SET UP' in capsys.readouterr().out
    config.write_text(f'[service]\nstate_dir = {tmp_path}/state\n[image]\nstores = one:filesystem\n{far}')
    assert main([*ask, 'list']) != 0 and 'image_store_far' in capsys.readouterr().err
    config.write_text(f'[service]\nstate_dir = {tmp_path}/state\n[image]\nstores = far:s3\n{far}bukket = x\n')
    assert main([*ask, 'list']) != 0 and "did you mean 'bucket'" in capsys.readouterr().err

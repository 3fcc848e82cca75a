"""What stays in RabbitMQ when a process has gone."""

from __future__ import annotations

import uuid

from common.messaging import Broker, Contract, cast, fanout


class News(Contract, topic=f'news.{uuid.uuid4().hex[:8]}'):
    """Told to everybody."""

    @fanout
    def told(self, text: str) -> None: ...


class Post(Contract, topic=f'post.{uuid.uuid4().hex[:8]}'):
    """Told to one, and to everybody."""

    @cast
    def letter(self, text: str) -> None: ...
    @fanout
    def told(self, text: str) -> None: ...


class Reader:
    def told(self, ctx, text): ...
    def letter(self, ctx, text): ...


def queues(node) -> set[str]:
    return set(node.control('list_queues', '--silent', 'name').split())


def test_only_what_waits_for_one_process_has_a_lasting_queue(rabbitmq):
    broker = Broker(rabbitmq.url)
    try:
        broker.serve(News, Reader(), host='here.1')
        broker.serve(Post, Reader(), host='here')
        assert any(name.startswith(News.topic) for name in queues(rabbitmq))
    finally:
        broker.close(1.0)
    left = {name for name in queues(rabbitmq) if name.startswith((News.topic, Post.topic))}
    assert left == {f'{Post.topic}.here'}

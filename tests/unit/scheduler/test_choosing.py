"""Filters, weighers and explanations as pure functions."""

from __future__ import annotations

import random

import pytest

from scheduler.conf import SchedulerOptions
from scheduler.explanation import LIMIT, sentence
from scheduler.host import Host
from scheduler.request import Request
from scheduler.select import candidates, explain_refusal

OPTIONS = SchedulerOptions()


def host(name='h', *, vcpus=8, ram=8192, disk=100, used=(0, 0, 0), **rest):
    values = {
        'id': hash(name),
        'kind': 'server',
        'zone': 'nova',
        'enabled': True,
        'is_up': True,
        'hypervisor': 'kvm',
        'architecture': 'x86_64',
        'traits': frozenset(),
        'metadata': {},
        'capabilities': {},
        'disabled_reason': None,
        'seen_at': 0.0,
        'generation': 0,
    }
    capacity = {'capacity_vcpus': vcpus * 4, 'capacity_ram': ram, 'capacity_disk': disk}
    free = {'free_vcpus': vcpus * 4 - used[0], 'free_ram': ram - used[1], 'free_disk': disk - used[2]}
    return Host(name=name, vcpus=vcpus, ram=ram, disk=disk, **{**values, **capacity, **free, **rest})


def ask(hosts, options=OPTIONS, **request):
    parsed = Request.parse(request)
    for name in ('near', 'far', 'members'):
        if name in request:
            setattr(parsed, name, request[name])
    fitting, tally = candidates(hosts, parsed, options, start=0)
    return [one.name for one in fitting], tally, parsed


def why(hosts, **request):
    fitting, tally, parsed = ask(hosts, **request)
    assert fitting == []
    explanation = explain_refusal(hosts, parsed, tally)
    return sentence('server', explanation)


def test_the_message_of_the_wish_list():
    hosts = [host(f'm{i}', ram=6144 - i) for i in range(7)] + [host(f'd{i}', enabled=False) for i in range(3)]
    hosts += [host(f'z{i}', zone='east') for i in range(2)]
    assert why(hosts, vcpus=1, ram=8192, disk=1, zone='nova') == (
        'No valid host: 12 hosts: 7 lack memory (want 8192 MiB, best 6144), 3 disabled, 2 other zone; would fit with 6144 MiB of memory'
    )


def test_no_hosts_at_all():
    assert why([], vcpus=1) == 'No valid host: there is no host for a server.'


@pytest.mark.parametrize(
    ('change', 'request_', 'words'),
    [
        ({'enabled': False}, {}, '1 disabled'),
        ({'is_up': False}, {}, '1 down'),
        ({}, {'zone': 'east'}, '1 other zone'),
        ({}, {'vcpus': 9}, '1 lacks vCPUs (want 9, best 8)'),
        ({'used': (0, 8000, 0)}, {'ram': 512}, '1 lacks memory (want 512 MiB, best 192)'),
        ({'used': (0, 0, 100)}, {'disk': 1}, '1 lacks disk (want 1 GiB, best 0)'),
        ({}, {'force_host': 'other'}, '1 not the host asked for'),
        ({}, {'exclude': ['h']}, '1 refused it before'),
        ({}, {'image': {'hw_architecture': 'aarch64'}}, '1 other architecture'),
        ({}, {'image': {'img_hv_type': 'xen'}}, '1 other hypervisor'),
        ({}, {'extra_specs': {'ssd': 'true'}}, '1 extra spec does not match'),
        ({'metadata': {'ssd': frozenset({'no'})}}, {'extra_specs': {'aggregate_instance_extra_specs:ssd': 'true'}}, 'extra spec'),
        ({}, {'extra_specs': {'trait:HW_GPU': 'required'}}, '1 trait does not match'),
        ({'traits': frozenset({'HW_GPU'})}, {'extra_specs': {'trait:HW_GPU': 'forbidden'}}, '1 trait does not match'),
        ({}, {'extra_specs': {'capabilities:cores': '>= 4'}}, '1 extra spec does not match'),
    ],
)
def test_each_filter_refuses_in_its_own_words(change, request_, words):
    hosts = [host(**change)]
    assert words in why(hosts, **request_)


@pytest.mark.parametrize(
    ('change', 'request_'),
    [
        ({}, {'zone': 'nova', 'vcpus': 8, 'ram': 8192, 'disk': 100}),
        ({}, {'force_host': 'h', 'exclude': ['other']}),
        ({}, {'image': {'hw_architecture': 'amd64', 'img_hv_type': 'KVM', 'os_distro': 'debian'}}),
        ({'architecture': None}, {'image': {'hw_architecture': 'aarch64'}}),
        ({'metadata': {'ssd': frozenset({'true', 'no'})}}, {'extra_specs': {'ssd': 'true', 'hw:cpu_policy': 'dedicated'}}),
        ({'metadata': {'disks': frozenset({'8'})}}, {'extra_specs': {'aggregate_instance_extra_specs:disks': '>= 4'}}),
        ({'metadata': {'rack': frozenset({'b'})}}, {'extra_specs': {'rack': '<or> a <or> b'}}),
        ({'traits': frozenset({'HW_GPU'})}, {'extra_specs': {'trait:HW_GPU': 'required'}}),
        ({'capabilities': {'cores': 8}}, {'extra_specs': {'capabilities:cores': '>= 4'}}),
    ],
)
def test_each_filter_lets_through(change, request_):
    assert ask([host(**change)], **request_)[0] == ['h']


def test_ratios_never_let_one_server_be_larger_than_the_machine():
    assert 'want 9, best 8' in why([host(vcpus=8)], vcpus=9)
    assert ask([host(vcpus=8, used=(24, 0, 0))], vcpus=8)[0] == ['h']
    assert 'want 8, best 7' in why([host(vcpus=8, used=(25, 0, 0))], vcpus=8)


def test_the_emptiest_host_is_best_and_the_fullest_when_weights_are_negative():
    hosts = [host('full', used=(8, 6000, 60)), host('empty'), host('half', used=(4, 4000, 40))]
    assert ask(hosts, vcpus=1, ram=1, disk=1)[0] == ['empty', 'half', 'full']
    pack = SchedulerOptions(weight_ram=-1.0, weight_vcpus=-1.0, weight_disk=-1.0)
    assert ask(hosts, pack, vcpus=1, ram=1, disk=1)[0] == ['full', 'half', 'empty']


def test_soft_groups_prefer_but_do_not_insist():
    hosts = [host('a'), host('b'), host('c', used=(30, 8000, 90))]
    parsed = Request.parse({'vcpus': 1, 'ram': 64, 'group': {'id': 'g', 'policy': 'soft-affinity'}})
    parsed.members = {'c': 2}
    assert candidates(hosts, parsed, OPTIONS)[0][0].name == 'c'
    parsed.group = {'id': 'g', 'policy': 'soft-anti-affinity'}
    parsed.members = {'a': 1, 'b': 1}
    assert candidates(hosts, parsed, OPTIONS)[0][0].name == 'c'


def test_only_a_sample_of_many_fitting_hosts_is_compared():
    hosts = [host(f'h{i}') for i in range(1000)]
    fitting, tally, _ = ask(hosts, SchedulerOptions(sample=50), vcpus=1)
    assert len(fitting) == 50
    assert tally.considered == 50


def test_all_hosts_are_looked_at_before_a_refusal():
    hosts = [host(f'h{i}', ram=100) for i in range(999)] + [host('last', ram=1000)]
    random.shuffle(hosts)
    assert ask(hosts, SchedulerOptions(sample=50), ram=1000)[0] == ['last']


def test_no_message_is_longer_than_old_clients_show():
    chance = random.Random(1)
    dimensions = ('disabled', 'down', 'zone', 'tried', 'architecture', 'hypervisor', 'trait', 'extra_spec', 'same_host', 'anti_affinity')
    for _ in range(300):
        refusals = [
            {
                'dimension': name,
                'count': chance.randrange(1, 10**6),
                'wanted': 10 ** chance.randrange(12),
                'best': 10 ** chance.randrange(12),
            }
            for name in ('ram', 'vcpus', 'disk')
        ]
        refusals += [{'dimension': name, 'count': chance.randrange(1, 10**6)} for name in dimensions]
        chance.shuffle(refusals)
        refusals = refusals[: chance.randrange(1, len(refusals))]
        explanation = {'hosts': sum(one['count'] for one in refusals), 'refusals': refusals}
        if chance.random() < 0.5:
            explanation['nearest'] = {'dimension': 'ram', 'value': 10**11}
        text = sentence('server', explanation)
        assert len(text) <= LIMIT
        assert text.startswith(f'No valid host: {explanation["hosts"]} host')

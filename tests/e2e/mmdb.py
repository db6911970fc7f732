# SPDX-License-Identifier: Apache-2.0
"""mmdb - a tiny GeoIP database in MaxMind's format, for tests

    write('geo.mmdb', {'1.2.3.0/24': 'DE'})
"""

import ipaddress
import struct


def packed(value):
    """As the data section has it; a number is its form and itself."""
    if isinstance(value, str):
        raw = value.encode()
        return bytes([2 << 5 | len(raw)]) + raw
    if isinstance(value, dict):
        return bytes([7 << 5 | len(value)]) + b''.join(packed(each) for pair in value.items() for each in pair)
    if isinstance(value, list):
        return bytes([len(value), 4]) + b''.join(packed(each) for each in value)
    form, number = value
    kind = {'>H': [5 << 5 | 2], '>I': [6 << 5 | 4], '>Q': [8, 2]}[form]
    return bytes(kind) + struct.pack(form, number)


def write(path, countries):
    data = b''
    nodes = [[None, None]]
    for net, code in countries.items():
        net = ipaddress.ip_network(net)
        bits = f'{int(net.network_address):0128b}'
        length = net.prefixlen + (96 if net.version == 4 else 0)
        at = nodes[0]
        for bit in bits[:length - 1]:
            if at[int(bit)] is None:
                nodes.append([None, None])
                at[int(bit)] = nodes[-1]
            at = at[int(bit)]
        at[int(bits[length - 1])] = len(data)
        data += packed({'country': {'iso_code': code}})
    numbers = {id(node): number for number, node in enumerate(nodes)}

    def record(value):
        number = (len(nodes) if value is None else numbers[id(value)] if isinstance(value, list)
                  else len(nodes) + 16 + value)
        return struct.pack('>I', number)[1:]

    tree = b''.join(record(value) for node in nodes for value in node)
    about = {'binary_format_major_version': ('>H', 2), 'binary_format_minor_version': ('>H', 0),
             'build_epoch': ('>Q', 1767225600), 'database_type': 'Test-Country', 'description': {},
             'ip_version': ('>H', 6), 'languages': [], 'node_count': ('>I', len(nodes)), 'record_size': ('>H', 24)}
    with open(path, 'wb') as file:
        file.write(tree + bytes(16) + data + b'\xab\xcd\xefMaxMind.com' + packed(about))
